// The panel of the demo's devices: a button each that pulls its plug, and puts it in again. No other node has it.

import { $, el, set } from "./dom.js";
import { Panel, Part } from "./panel.js";

$("#parts").prepend(el("section", { id: "plant", tabindex: "-1", "aria-labelledby": "plant-title", hidden: true },
  el("h2", { id: "plant-title", text: "The plant of the demo" }), el("ul", { class: "panel" })));

class Device extends Part {
  constructor(device) {
    super(`device/${device.name}`);
    this.words = el("span");
    this.button = el("button", { type: "button", class: "check" });
    this.button.addEventListener("click", () => this.pull());
    this.facts.classList.add("head");
    this.facts.append(this.words, this.button);
  }

  update(device) {
    this.device = device;
    this.name(device.name, device.protocol);
    this.stands(device.plugged ? "good" : "bad", device.plugged ? "plugged in" : "unplugged");
    set(this.words, `${device.points} · ${device.address}`);
    set(this.button, device.plugged ? "Unplug" : "Plug in");
    this.button.setAttribute("aria-label", `${this.button.textContent} ${device.name}`);
  }

  async pull() {
    const { name, plugged } = this.device;
    this.button.disabled = true;
    const failed = await ask(`demo/devices/${encodeURIComponent(name)}/${plugged ? "unplug" : "plug"}`, "POST");
    this.button.disabled = false;
    this.button.focus();
    this.says(failed, "bad");
  }
}

const devices = new Panel("plant", (device) => new Device(device));

/** ask shows how the devices stand, and returns why it cannot. */
async function ask(path, method) {
  try {
    const answer = await fetch(path, { method, headers: { "Dodona-Request": "demo" } });
    if (!answer.ok) return await answer.text();
    devices.show((await answer.json()).devices);
    return "";
  } catch (error) {
    return `the demo does not answer: ${error.message}`;
  }
}

ask("demo/devices", "GET");
setInterval(() => ask("demo/devices", "GET"), 3000);
