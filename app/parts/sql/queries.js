// The queries of this person: those that they saved, and the last that ran. They are kept in the
// browser, for each login apart.
//
// data: who; last, the query that ran last with its outcome and moment, or null.

const MOST = 50; // queries that ran

export default function ({ parentElement, data, setStateValue }) {
  const key = `memory-signatures.queries.${data.who}`;
  const lists = parentElement.querySelector(".queries");
  const state = { saved: [], recent: [], newest: "", ...read(key) };

  function keep(sql) {
    localStorage.setItem(key, JSON.stringify(state));
    draw();
    // The keyboard stays where it was.
    [...lists.querySelectorAll(".star")].find((star) => star.dataset.sql === sql)?.focus();
  }

  function draw() {
    const parts = [section("Saved", state.saved, true), section("Recent", state.recent, false)];
    if (state.recent.length) parts.push(button("Forget the recent ones", () => {
      state.recent = [];
      keep();
    }, "forget"));
    lists.replaceChildren(...parts);
  }

  function section(title, entries, saved) {
    const part = document.createElement("section");
    part.append(Object.assign(document.createElement("h4"), { textContent: title }));
    const empty = saved ? "Press ☆ at a query to keep it." : "The queries that you run appear here.";
    if (!entries.length) part.append(Object.assign(document.createElement("p"), { textContent: empty }));
    part.append(...entries.map((entry) => row(entry)));
    return part;
  }

  function row({ sql, outcome, moment }) {
    const line = document.createElement("div");
    const is = state.saved.some((entry) => entry.sql === sql);
    const star = button(is ? "★" : "☆", () => {
      if (is) state.saved = state.saved.filter((entry) => entry.sql !== sql);
      else state.saved.unshift({ sql, outcome, moment });
      keep(sql);
    }, "star");
    star.dataset.sql = sql;
    star.setAttribute("aria-label", is ? "Do not keep this query" : "Keep this query");
    star.title = star.ariaLabel;
    // A first line that is a comment serves as a name.
    const text = button(sql.match(/^--\s*(.+)/)?.[1] ?? sql, () => setStateValue("sent", { text: sql, moment: Date.now() }), "text");
    text.title = sql;
    const when = new Date(moment).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    line.append(star, text, Object.assign(document.createElement("small"), { textContent: `${when} · ${outcome}` }));
    return line;
  }

  if (data.last && data.last.moment > state.newest) {
    state.newest = data.last.moment;
    const others = state.recent.filter((entry) => entry.sql !== data.last.sql);
    state.recent = [data.last, ...others].slice(0, MOST);
    keep();
  } else draw();
}

function button(text, act, kind) {
  const made = Object.assign(document.createElement("button"), { textContent: text, className: kind });
  made.onclick = act;
  return made;
}

function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
}
