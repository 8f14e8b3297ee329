// The editor of the SQL page: a textarea that lies, its own text unseen, over a colored copy of it.
//
// data: number and text, the newest text that the server gives; words: tables with their columns,
// functions and keywords; wrong: the text that was refused and the place of the mistake, or null.

const TOKEN =
  /(?<comment>--.*|\/\*[^]*?(?:\*\/|$))|(?<string>'(?:[^']|'')*'?)|(?<name>"(?:[^"]|"")*"?)|(?<number>\d+(?:\.\d+)?\b)|(?<word>[A-Za-z_]\w*)|\s+|./gu;
const MOST = 50; // completions
const DRAFT = "memory-signatures.sql-draft";

const editors = new WeakMap();

export default function (component) {
  const root = component.parentElement;
  if (!editors.has(root)) editors.set(root, create(root));
  editors.get(root)(component);
}

function create(root) {
  const [box, copy, list] = ["textarea", "pre", "ul"].map((name) => root.querySelector(name));
  let component, number, sent, draft, marked; // what the server sent last, and what was done with it
  let options = [], chosen = 0, start = 0, moved = false;

  const names = () => component.data.words;

  function draw() {
    const { wrong } = component.data;
    const place = wrong && wrong.text === box.value.trim() ? wrong : null;
    const shift = box.value.length - box.value.trimStart().length;
    copy.replaceChildren(...tokens(box.value).map(({ text, at, kind }) => {
      const [from, to] = place ? [place.from + shift, Math.max(place.to, place.from + 1) + shift] : [];
      const bad = place && at < to && at + text.length > from;
      return Object.assign(document.createElement("span"), {
        textContent: text,
        className: [shade(kind, text, names()), bad ? "wrong" : ""].join(" ").trim(),
      });
    }), "\n");
    sessionStorage.setItem(DRAFT, JSON.stringify({ of: draft, text: box.value }));
    if (place && marked !== wrong.moment) {
      marked = wrong.moment;
      box.setSelectionRange(place.from + shift, place.to + shift);
    }
  }

  function write(text) {
    box.value = text;
    close();
    draw();
  }

  function close() {
    options = [];
    moved = false;
    list.hidden = true;
    box.removeAttribute("aria-activedescendant");
  }

  function complete(asked) {
    const before = box.value.slice(0, box.selectionStart);
    [start, options] = completions(before, box.value, names(), asked);
    if (!options.length) return close();
    list.replaceChildren(...options.map(([text, about], index) => {
      const item = document.createElement("li");
      item.append(text, Object.assign(document.createElement("i"), { textContent: about }));
      item.id = `choice-${index}`;
      item.setAttribute("role", "option");
      item.onmousedown = (event) => (event.preventDefault(), (chosen = index), accept());
      return item;
    }));
    list.hidden = false;
    const [x, y] = position(copy, start);
    const frame = box.closest(".editor").getBoundingClientRect();
    list.style.left = `${Math.max(0, Math.min(x - frame.left, frame.width - list.offsetWidth))}px`;
    list.style.top = `${y - frame.top}px`;
    choose(0);
  }

  function choose(index) {
    chosen = (index + options.length) % options.length;
    for (const [place, item] of [...list.children].entries())
      item.setAttribute("aria-selected", place === chosen);
    list.children[chosen].scrollIntoView({ block: "nearest" });
    box.setAttribute("aria-activedescendant", `choice-${chosen}`);
  }

  function move(by) {
    moved = true;
    choose(chosen + by);
  }

  function accept() {
    const [text] = options[chosen];
    box.setSelectionRange(start, box.selectionStart);
    document.execCommand("insertText", false, text); // as if typed, so that it can be undone
    close();
  }

  function send(event) {
    sent = box.value.trim();
    close();
    component.setStateValue("sent", { event, text: sent, moment: Date.now() });
  }

  box.oninput = (event) => {
    draw();
    // What a completion writes asks for no other.
    if (event.inputType === "insertText" && event.data?.length === 1) complete(false);
    else if (event.inputType?.startsWith("delete") && !list.hidden) complete(false);
    else close();
  };
  box.onkeydown = (event) => {
    const open = !list.hidden;
    const act = {
      ArrowDown: open && (() => move(1)),
      ArrowUp: open && (() => move(-1)),
      Tab: open && !event.shiftKey && accept,
      // At the end of a word that is meant as it stands, Enter begins a line.
      Enter: event.ctrlKey || event.metaKey ? () => send("run") : open && moved && accept,
      Escape: open && close,
      " ": event.ctrlKey && (() => complete(true)),
    }[event.key];
    if (act) {
      event.preventDefault();
      event.stopPropagation();
      act();
    }
  };
  box.onblur = close;
  box.onclick = close;
  root.querySelector(".run").onclick = () => send("run");
  root.querySelector(".format").onclick = () => send("format");

  return (next) => {
    component = next;
    const { data } = next;
    if (data.number !== number) {
      const first = number === undefined;
      number = data.number;
      draft = data.text;
      const kept = first && JSON.parse(sessionStorage.getItem(DRAFT) ?? "null");
      if (kept && kept.of === data.text) return write(kept.text);
      if (data.text !== sent) return write(data.text); // else what was typed since then stays
    }
    draw();
  };
}

// The parts of a query: their text, where they begin, and what they are.
function tokens(text) {
  return [...text.matchAll(TOKEN)].map((match) => ({
    text: match[0],
    at: match.index,
    kind: Object.keys(match.groups).find((kind) => match.groups[kind] !== undefined),
  }));
}

function shade(kind, text, { tables, functions, keywords }) {
  if (kind !== "word") return kind ?? "";
  const word = text.toLowerCase();
  if (keywords.includes(word)) return "keyword";
  return Object.hasOwn(tables, word) ? "table" : functions.includes(word) ? "function" : "";
}

// Where the word before the caret begins, and what it may become: pairs of a text and what it is.
function completions(before, text, { tables, functions, keywords }, asked) {
  if (/\bas\s+\w*$/i.test(before)) return [0, []]; // a new name
  const last = tokens(before).at(-1);
  if (last && ["comment", "string", "number"].includes(last.kind) && !/\s$/.test(before)) return [0, []];
  const [, prefix] = before.match(/([A-Za-z_]\w*)?$/);
  const start = before.length - (prefix ?? "").length;
  const lead = before.slice(0, start);
  const owner = lead.match(/([A-Za-z_]\w*)\.$/)?.[1].toLowerCase();
  if (!prefix && !asked && !owner) return [0, []];
  const known = named(text, tables);
  const columns = (table) => (tables[table] ?? []).map((column) => [column, table]);
  const listed = Object.keys(tables).map((table) => [table, "table"]);
  const all = owner
    ? columns(known[owner] ?? owner)
    : /\b(from|join)\s+$/i.test(lead)
      ? listed
      : [
          ...[...new Set(Object.values(known))].flatMap(columns),
          ...listed,
          ...keywords.map((word) => [word.toUpperCase(), ""]),
          ...functions.map((name) => [name, "function"]),
        ];
  const wanted = (prefix ?? "").toLowerCase();
  const found = new Map();
  for (const [name, about] of all)
    if (name.toLowerCase().startsWith(wanted) && name.toLowerCase() !== wanted && !found.has(name))
      found.set(name, about);
  return [start, [...found].slice(0, MOST)];
}

// The tables that a query reads, by their own names and by those that it gives them.
function named(text, tables) {
  const known = {};
  for (const [, name, alias] of text.matchAll(
    /\b(?:from|join)\s+(\w+)(?:\s*\([^()]*\))?(?:\s+(?:as\s+)?([A-Za-z_]\w*))?/gi,
  )) {
    const table = name.toLowerCase();
    if (Object.hasOwn(tables, table)) {
      known[table] = table;
      if (alias) known[alias.toLowerCase()] = table;
    }
  }
  return known;
}

// Left and bottom of the character at a place of the colored copy.
function position(copy, place) {
  let rest = place;
  for (const part of copy.childNodes) {
    const size = part.textContent.length;
    if (rest < size || part === copy.lastChild) {
      const range = document.createRange();
      range.setStart(part.firstChild ?? part, Math.min(rest, size));
      const { left, bottom } = range.getBoundingClientRect();
      return [left, bottom];
    }
    rest -= size;
  }
}
