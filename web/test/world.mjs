// The world of the tests: a browser with windows, channels, storage and a clock, and an API, as far
// as postern.js sees them. Each document runs its own copy of the module, as in a browser.

import { createHash, webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";

import { Api } from "./api.mjs";

export const APP = "https://app.example.com";
const SOURCE = readFileSync(new URL("../postern.js", import.meta.url), "utf8").replaceAll(/^export /gm, "");

export class Browser {
  now = 1_800_000_000_000;
  /** Everything that was ever written to a storage: `[area, key, value]`. */
  written = [];
  windows = [];
  api = new Api();
  /** What browsers may do: block popups, cut windows apart, refuse cookies. */
  blocksPopups = false;
  severs = false;
  userAgent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/150.0.0.0 Safari/537.36";
  #timers = new Set();
  #channels = new Set();

  /** A tab with the application, whose start-up calls `createPostern` and `finish`. */
  async tab(
    options = {},
    { url = `${APP}/inbox?view=unread#top`, partition = APP, isEmbedded = false } = {},
  ) {
    const tab = new Window(this, { partition, isEmbedded });
    tab.options = options;
    tab.load(url);
    await this.settle();
    return tab;
  }

  timer(callback, milliseconds, values, every) {
    const timer = { at: this.now + milliseconds, callback: () => callback(...values), every };
    this.#timers.add(timer);
    return timer;
  }

  clear(timer) {
    this.#timers.delete(timer);
  }

  /** Lets everything happen that waits for nothing. */
  async settle() {
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
  }

  /** Lets time pass. */
  async pass(milliseconds) {
    const end = this.now + milliseconds;
    for (;;) {
      await this.settle();
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.now = next.at;
      if (next.every) next.at += next.every;
      else this.#timers.delete(next);
      next.callback();
    }
    this.now = end;
  }

  /** A BroadcastChannel: only documents of one partition hear each other. */
  channelOf(window) {
    const channels = this.#channels;
    return class {
      constructor(name) {
        Object.assign(this, { name, partition: window.partition });
        channels.add(this);
      }
      postMessage(data) {
        if (!channels.has(this)) throw new Error("InvalidStateError: the channel is closed");
        for (const other of channels) {
          const hears = other !== this && other.name === this.name && other.partition === this.partition;
          if (hears) setImmediate(() => channels.has(other) && other.onmessage?.({ data: structuredClone(data), origin: APP }));
        }
      }
      close() {
        channels.delete(this);
      }
    };
  }
}

export class Window {
  closed = false;
  focused = true;
  /** Where the window is, when it is not at the application. */
  away;
  /** Addresses that were loaded, by `location.assign` or `replace` or by a test. */
  visited = [];
  storage = new Map();
  /** What a router keeps with the address. */
  historyState = { scroll: 7 };

  constructor(browser, { partition, isEmbedded = false, opener }) {
    Object.assign(this, { browser, partition, isEmbedded, opener });
    browser.windows.push(this);
  }

  /** Loads an address: the application there, or a page that the test stands for. */
  load(url) {
    this.visited.push(url);
    this.listeners = new Set();
    this.postern = this.finished = undefined;
    this.url = new URL(url);
    this.away = this.url.origin === APP ? undefined : url;
    if (this.away) return;
    const module = new Function(
      ...Object.keys(this.globals()),
      `${SOURCE}; return { createPostern, PosternError };`,
    );
    const globals = this.globals();
    const { createPostern } = module(...Object.values(globals));
    this.postern = createPostern({ base: this.browser.api.base, ...this.options });
    this.finished = this.postern.finish();
  }

  globals() {
    const { browser } = this;
    const area = (name, map) => ({
      getItem: (key) => map.get(key) ?? null,
      setItem: (key, value) => {
        browser.written.push([name, key, value]);
        map.set(key, value);
      },
      removeItem: (key) => map.delete(key),
    });
    const location = {
      assign: (url) => this.load(url),
      replace: (url) => this.load(url),
    };
    for (const name of ["href", "origin", "pathname", "hash", "search"]) {
      Object.defineProperty(location, name, { get: () => this.url[name] });
    }
    const window = { close: () => (this.closed = true), opener: this.opener };
    const top = this.isEmbedded ? {} : window;
    const subtle = {
      digest: async (_, bytes) => new Uint8Array(createHash("sha256").update(bytes).digest()).buffer,
    };
    return {
      window,
      location,
      history: {
        state: this.historyState,
        replaceState: (state, _, url) => {
          this.historyState = state;
          this.url = new URL(url, this.url);
        },
      },
      document: { hasFocus: () => this.focused },
      navigator: { userAgent: browser.userAgent, standalone: browser.isStandalone },
      crypto: { subtle, getRandomValues: (bytes) => webcrypto.getRandomValues(bytes) },
      sessionStorage: area("sessionStorage", this.storage),
      localStorage: area("localStorage", new Map()),
      BroadcastChannel: browser.channelOf(this),
      addEventListener: (type, listener) => this.listeners.add(listener),
      removeEventListener: (type, listener) => this.listeners.delete(listener),
      open: (url) => this.#open(url),
      fetch: (url, options) => browser.api.fetch(url, { ...options, origin: APP, partition: this.partition }),
      setTimeout: (callback, wait, ...values) => browser.timer(callback, wait, values),
      clearTimeout: (timer) => browser.clear(timer),
      setInterval: (callback, wait, ...values) => browser.timer(callback, wait, values, wait),
      clearInterval: (timer) => browser.clear(timer),
      Date: { now: () => browser.now, parse: Date.parse },
      globalThis: { location, self: window, top },
    };
  }

  /** A popup is a window of its own, at the top: its partition is the application itself. */
  #open(url) {
    const { browser } = this;
    if (browser.blocksPopups) return null;
    const popup = new Window(browser, { partition: APP });
    popup.options = this.options;
    popup.opener = browser.severs ? null : handle(this, () => false);
    popup.storage = new Map(this.storage);
    popup.load(url);
    this.focused = false;
    this.popup = popup;
    return handle(popup, () => browser.severs);
  }

  /** The user allows access, or Google answers with `refusal`: the API comes back to the page. */
  async consent(refusal) {
    const back = this.browser.api.answer(this.away, refusal);
    this.load(back);
    await this.browser.settle();
    return back;
  }
}

/** What a script holds of another window: nothing works across a severed one. */
function handle(window, isSevered) {
  return {
    get closed() {
      return window.closed || isSevered();
    },
    focus: () => {},
    close: () => {
      if (!isSevered()) window.closed = true;
    },
    postMessage(data, targetOrigin) {
      if (isSevered() || window.away || targetOrigin !== APP) return;
      const copy = structuredClone(data);
      setImmediate(() => window.listeners.forEach((listener) => listener({ data: copy, origin: APP })));
    },
  };
}
