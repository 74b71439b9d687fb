// The recipe as TOML: to read, to copy, and as a file. What is copied or saved is the recipe as it is at that moment.

import { complain } from "../api.js";
import { $, say, toast } from "../dom.js";

export function text(write, recipe) {
  const show = (toml) => {
    say($("toml"), toml);
    $("copy").disabled = $("save").disabled = false;
  };
  const written = async () => {
    const { toml } = await write();
    show(toml);
    return toml;
  };
  $("copy").addEventListener("click", async () => {
    try {
      const toml = await written();
      await navigator.clipboard.writeText(toml).then(() => toast("Copied."), selected);
    } catch (error) {
      complain(error);
    }
  });
  $("save").addEventListener("click", async () => {
    try {
      const address = URL.createObjectURL(new Blob([await written()], { type: "application/toml" }));
      Object.assign(document.createElement("a"), { href: address, download: recipe.made.name }).click();
      setTimeout(() => URL.revokeObjectURL(address), 10000);
      recipe.keep();
    } catch (error) {
      complain(error);
    }
  });
  return show;
}

// A browser lets only HTTPS and loopback copy.
function selected() {
  getSelection().selectAllChildren($("toml"));
  toast("Selected: copy it with the keyboard.");
}
