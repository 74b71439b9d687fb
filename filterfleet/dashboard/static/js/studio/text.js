// The recipe as TOML: to read, to copy, and as a file.

import { $, say, toast } from "../dom.js";

export function text() {
  let toml = "";
  $("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(toml);
      toast("Copied.");
    } catch {
      getSelection().selectAllChildren($("toml")); // a browser lets only HTTPS and loopback copy
      toast("Selected: copy it with the keyboard.");
    }
  });
  $("save").addEventListener("click", () => {
    const address = URL.createObjectURL(new Blob([toml], { type: "application/toml" }));
    const link = Object.assign(document.createElement("a"), { href: address, download: "recipe.toml" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  });
  return (made) => {
    toml = made;
    say($("toml"), made);
    $("copy").disabled = $("save").disabled = false;
  };
}
