"""A fleet is killed and frozen by a seeded plan, and must lose nothing."""
