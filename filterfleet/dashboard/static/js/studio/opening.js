// Recipes that are opened: of a file, with the pictures that lie beside it, or one that ships. The server reads them.

import { order } from "../api.js";

const TOML = 256 << 10; // bytes of a recipe, as the server has it
const PICTURE = 64 << 10; // bytes of a picture for which a recipe has room
const ROOM = 400 << 10; // bytes of all pictures, for which a request has room

export const isRecipe = ({ name, type }) => /\.toml$/i.test(name) || type === "application/toml";

export const openShipped = (name) => order("studio/open", { shipped: name });

// The answer, and the first file that the recipe has no use for: it may be a photograph.
export async function openFiles(files) {
  const file = files.find(isRecipe);
  const others = files.filter((each) => each !== file);
  const beside = {};
  let room = ROOM;
  for (const each of others.filter(({ size }) => size <= PICTURE)) {
    if ((room -= each.size) >= 0) beside[each.name] = await base64(each);
  }
  const answer = await order("studio/open", { data: await base64(file, TOML + 1), beside });
  return { answer, rest: others.find(({ name }) => !answer.used.includes(name)) };
}

export function base64(file, most = file.size) {
  return new Promise((found, failed) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => found(reader.result.slice(reader.result.indexOf(",") + 1)));
    reader.addEventListener("error", () => failed(new Error(`${file.name} cannot be read.`)));
    reader.readAsDataURL(file.slice(0, most));
  });
}
