from filterfleet.cli import main

main()
