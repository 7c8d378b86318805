(() => {
  "use strict";
  // All that is shown was said by strangers: it gets into the page as text, never as markup.
  const at = (id) => document.getElementById(id);
  const make = (tag, name, ...children) => {
    const node = document.createElement(tag);
    if (name) node.className = name;
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  };
  const cell = (name, label, ...children) => {
    const node = make("td", name, make("div", "", ...children));
    node.dataset.name = label;
    return node;
  };
  const small = (text) => make("span", "small", text);
  const mark = (tone, text) => make("span", "mark " + tone, text);

  // Numbers for people.
  const grouped = (number) => Math.round(number).toLocaleString("en");
  const scaled = (number, base, units) => {
    let unit = 0;
    while (number >= base && unit < units.length - 1) { number /= base; unit += 1; }
    const digits = unit === 0 || number >= 100 ? 0 : number >= 10 ? 1 : 2;
    return number.toFixed(digits) + " " + units[unit];
  };
  const bytes = (number) => scaled(number, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]);
  const bits = (number) => scaled(number * 8, 1000, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"]);
  const rate = (number) => (number > 0 && number < 10 ? number.toFixed(1) : grouped(number)) + "/s";
  const counted = (number, noun) => grouped(number) + " " + noun + (number === 1 ? "" : "s");
  const clock = (millis) => new Date(millis).toLocaleTimeString("en-GB");
  const lasting = (seconds) => {
    const [minutes, hours, days] = [60, 3600, 86400].map((unit) => Math.floor(seconds / unit));
    return days ? `${days} d ${hours % 24} h` : hours ? `${hours} h ${minutes % 60} min` : minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
  };
  const end = (address, port) => port === undefined ? address : address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;

  // The daemon is asked what its control socket may be asked, as far as it changes nothing.
  const ask = async (request) => {
    const answer = await door.fetch("ask", [["request", JSON.stringify(request)]]);
    if (!answer.ok) throw new Error((await answer.text()).trim() || "HTTP " + answer.status);
    const said = await answer.json();
    if (said.error) throw new Error(said.error.message);
    return said;
  };

  // Rates: what a counter gained since the look before; nothing where it began anew.
  class Rates {
    constructor() { this.before = new Map(); this.when = 0; }
    next(now) { this.passed = this.when ? (now - this.when) / 1000 : 0; this.when = now; this.counts = new Map(); }
    of(name, count) {
      this.counts.set(name, count);
      const before = this.before.get(name);
      return before === undefined || !this.passed || count < before ? 0 : (count - before) / this.passed;
    }
    done() { this.before = this.counts; }
  }
  const rates = { status: new Rates(), rules: new Rates() };

  // The bar: theme, and whether the page is alive.
  const themes = ["system", "light", "dark"];
  const remember = {
    get() { try { return localStorage.getItem("secgroup-theme"); } catch { return null; } },
    set(name) { try { localStorage.setItem("secgroup-theme", name); } catch { /* Not here, then. */ } },
  };
  let theme = themes.includes(remember.get()) ? remember.get() : "system";
  const dress = () => {
    if (theme === "system") delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = theme;
    at("theme").textContent = "Theme: " + theme;
  };
  dress();
  at("theme").addEventListener("click", () => { theme = themes[(themes.indexOf(theme) + 1) % 3]; remember.set(theme); dress(); });
  let paused = false;
  at("pause").addEventListener("click", () => {
    paused = !paused;
    at("pause").textContent = paused ? "Go on" : "Pause";
    at("pause").setAttribute("aria-pressed", String(paused));
    if (paused) pulse("", "paused");
  });
  const pulse = (tone, text) => {
    at("pulse").className = "pulse " + tone;
    if (at("pulse").textContent !== text) at("pulse").textContent = text;
    document.documentElement.classList.toggle("stale", tone === "off");
  };

  // Tables are folded to their first rows, as the style sheet says; a button unfolds them.
  const folds = [...document.querySelectorAll("[data-unfolds]")].map((button) => ({ button, body: at(button.dataset.unfolds) }));
  const fold = () => folds.forEach(({ button, body }) => {
    const rows = body.rows.length;
    const isFolded = body.classList.contains("folded");
    button.hidden = isFolded ? !rows || body.lastElementChild.offsetParent !== null : rows < 6;
    button.textContent = isFolded ? "Show all " + grouped(rows) : "Show fewer";
  });
  folds.forEach(({ button, body }) => button.addEventListener("click", () => { body.classList.toggle("folded"); fold(); }));
  addEventListener("resize", fold);

  // Figures and interfaces, of the status.
  const figure = (name, value, beside, tone) =>
    make("div", "figure " + (tone || ""), make("dt", "", name), make("dd", "value", value), make("dd", "beside", beside));
  const LOOKS = 60;
  const history = new Map();
  const showStatus = (status, now) => {
    const seen = rates.status;
    seen.next(now);
    const total = { allow: 0, deny: 0, bytes: 0, denied: 0 };
    let connections = 0;
    const links = status.interfaces.map((link) => {
      const of = { allow: 0, deny: 0, none: 0, ingress: 0, egress: 0 };
      for (const line of link.verdicts) {
        const name = [link.name, line.direction, line.reason].join("\n");
        of[line.verdict] += seen.of(name + "\np", line.packets);
        of[line.direction] += seen.of(name + "\nb", line.bytes);
        if (line.verdict === "deny") total.denied += line.packets;
      }
      total.allow += of.allow; total.deny += of.deny; total.bytes += of.ingress + of.egress;
      connections += link.connections;
      const past = history.get(link.name) || [];
      if (seen.passed) past.push([of.allow, of.deny]);
      if (past.length > LOOKS) past.shift();
      history.set(link.name, past);
      return interfaceCard(link, of, past);
    });
    seen.done();
    at("links").replaceChildren(...links);
    if (!links.length) at("links").append(make("p", "empty", "Nothing is enforced: the configuration has no interface."));
    const policy = status.policy;
    at("figures").replaceChildren(
      figure("Allowed", rate(total.allow), bits(total.bytes), "allow"),
      figure("Denied", rate(total.deny), grouped(total.denied) + " since the start", total.deny > 0 ? "deny" : ""),
      figure("Connections", grouped(connections), "tracked"),
      figure("Policy", "№ " + grouped(policy.generation), counted(policy.rules, "rule") + (policy.last_error ? ", a reload was refused" : ""), policy.last_error ? "warn" : ""),
      figure("Up", lasting(status.uptime_seconds), counted(status.workers.length, "worker")));
    const warnings = [...status.warnings];
    if (status.audit) warnings.unshift("Audit: everything passes, and verdicts are only counted.");
    if (policy.last_error) warnings.unshift("The last reload was refused, and the policy before it stays in force: " + policy.last_error);
    at("warnings").hidden = !warnings.length;
    at("warnings").replaceChildren(...warnings.map((text) => make("li", "", text)));
    at("footer").textContent = "secgroup " + status.version + ", process " + status.pid + ". This page asks nobody but the daemon that it came from.";
  };

  const interfaceCard = (link, of, past) => {
    const tone = link.state === "open" ? (link.audit ? "warn" : "allow") : "deny";
    const rows = [["in", bits(of.ingress)], ["out", bits(of.egress)], ["allowed", rate(of.allow)], ["denied", rate(of.deny)],
      ["connections", grouped(link.connections) + (link.allowance === null ? "" : " of " + grouped(link.allowance))]];
    const lost = link.ports.reduce((sum, port) => sum + port.not_sent + port.ring_drops + port.truncated + port.vlan_drops + port.offload_drops, 0);
    if (lost) rows.push(["lost at devices", grouped(lost)]);
    const card = make("article", "link",
      make("header", "", make("h3", "", link.name), mark(tone, link.state === "open" && link.audit ? "audit" : link.state)),
      make("p", "id", link.id + " · " + link.mode + " · " + link.ports.map((port) => port.device).join(" ↔ ")),
      link.why ? make("p", "error", link.why) : sparkline(past),
      make("dl", "rates", ...rows.flatMap(([name, value]) => [make("dt", "", name), make("dd", "", value)])));
    if (link.allowance) {
      const used = Math.min(1, link.connections / link.allowance);
      const bar = make("i");
      bar.style.width = 100 * used + "%";
      card.append(make("div", "meter" + (used >= 1 ? " full" : used > 0.8 ? " high" : ""), bar));
    }
    return card;
  };

  const sparkline = (past) => {
    const SVG = "http://www.w3.org/2000/svg";
    const draw = (tag, attributes) => {
      const node = document.createElementNS(SVG, tag);
      for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
      return node;
    };
    const svg = draw("svg", { class: "spark", viewBox: "0 0 600 100", preserveAspectRatio: "none", role: "img",
      "aria-label": "Packets a second, at most " + grouped(Math.max(0, ...past.flat())) });
    const most = Math.max(1, ...past.flat());
    const x = (place) => 600 - (past.length - 1 - place) * (600 / (LOOKS - 1));
    const y = (value) => 97 - 92 * (value / most);
    const line = (series) => past.map((look, place) => (place ? "L" : "M") + x(place).toFixed(1) + " " + y(look[series]).toFixed(1)).join("");
    svg.append(draw("line", { x1: 0, x2: 600, y1: 97, y2: 97 }));
    if (past.length > 1) {
      svg.append(draw("path", { class: "area", d: line(0) + "L600 97L" + x(0).toFixed(1) + " 97Z" }),
        draw("path", { class: "allow", d: line(0) }));
      if (past.some((look) => look[1])) svg.append(draw("path", { class: "deny", d: line(1) }));
    }
    return svg;
  };

  // Denials, as they come: what was seen last first. One flow is one line, however often it tried.
  const explainLink = (flow) => {
    const button = make("button", "link-like", "explain");
    button.type = "button";
    button.addEventListener("click", () => { at("flow").value = flow; at("explain").scrollIntoView({ block: "start" }); explain(flow); });
    return button;
  };
  let denied = null;
  const showDenials = (page) => {
    const known = new Map();
    const rows = page.flows.map((line) => {
      const from = line.source ? end(line.source, line.source_port) : "malformed";
      const to = line.destination ? end(line.destination, line.destination_port) : "";
      const what = line.icmp ? `${line.protocol} ${line.icmp.join("/")}` : line.protocol || "";
      const name = [line.interface, line.direction, line.reason, what, line.source, to].join("\n");
      known.set(name, line.packets);
      return make("tr", denied && denied.get(name) !== line.packets ? "new" : "",
        cell("", "Last", clock(line.last_seen * 1000)),
        cell("code", "From", from),
        cell(to ? "code" : "vacant", "To", to, what ? small(what) : null),
        cell("", "Interface", line.interface, small(line.direction)),
        cell("", "Reason", mark("deny", line.reason)),
        cell("number", "Packets", grouped(line.packets)),
        cell(line.flow ? "" : "vacant", "", line.flow ? explainLink(line.flow) : ""));
    });
    denied = known;
    at("denied").replaceChildren(...rows);
    at("denials-count").textContent = (rows.length ? counted(page.told, "packet") : "nothing so far") + (page.untold ? ", " + grouped(page.untold) + " more not looked at" : "");
  };

  // What passes now. The daemon counts flows while somebody asks.
  const showTraffic = (page) => {
    const seconds = page.over_milliseconds / 1000;
    const rows = page.highest.map((flow) => {
      const [ingress, egress] = [flow.ingress_bytes / seconds, flow.egress_bytes / seconds];
      const packets = (flow.ingress_packets + flow.egress_packets) / seconds;
      const rule = flow.ingress_rule || flow.egress_rule;
      return make("tr", "",
        cell("code", "Here", end(flow.local, flow.local_port), small(flow.interface)),
        cell("code", "There", end(flow.remote, flow.remote_port)),
        cell("", "Protocol", flow.protocol),
        cell("", "State", flow.tracked ? mark(flow.state === "established" || flow.state === "udp-stream" ? "allow" : "", flow.state || "over") : mark("", "untracked")),
        cell("number", "In", bits(ingress)),
        cell("number", "Out", bits(egress)),
        cell("number", "Packets", rate(packets)),
        cell(rule ? "code" : "vacant", "Rule", rule || ""));
    });
    at("passing").replaceChildren(...rows);
    at("flows-count").textContent = (page.flows > rows.length ? counted(rows.length, "flow") + " of " + grouped(page.flows) : counted(page.flows, "flow"))
      + (page.packets_untold ? ", " + counted(page.packets_untold, "packet") + " of others" : "");
  };

  let rules = { rules: [], matched: 0 };
  const showRules = (now) => {
    const seen = rates.rules;
    if (now) seen.next(now);
    const words = at("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = [];
    for (const rule of rules.rules) {
      const gained = now ? (rule.gained = seen.of(rule.group + "\n" + rule.id, rule.packets)) : rule.gained;
      const group = rule.group_name && rule.group_name !== rule.group ? `${rule.group_name} (${rule.group})` : rule.group;
      const text = [rule.id, group, rule.direction, rule.allows, rule.description].join(" ").toLowerCase();
      if (!words.every((word) => text.includes(word))) continue;
      rows.push(make("tr", "",
        cell("code", "Rule", rule.id, small(group)),
        cell("", "Allows", rule.allows, small(rule.direction)),
        cell(rule.description ? "" : "vacant", "Description", rule.description || ""),
        cell("number", "Packets", grouped(rule.packets)),
        cell("number", "Bytes", bytes(rule.bytes)),
        cell("number", "A second", gained ? rate(gained) : "–")));
    }
    if (now) seen.done();
    at("allowed").replaceChildren(...rows);
    const unused = rules.rules.filter((rule) => !rule.packets).length;
    at("rules-count").textContent = (words.length ? grouped(rows.length) + " of " : "") + counted(rules.matched, "rule")
      + (unused ? ", " + grouped(unused) + " not hit yet" : "");
  };
  at("filter").addEventListener("input", () => { showRules(); fold(); });

  // The explain box.
  const why = (...texts) => make("p", "why", ...texts);
  const connection = (line) => `${line.protocol} ${line.local} ${line.opened === "egress" ? ">" : "<"} ${line.remote}, ${line.state}, `
    + counted(line.ingress_packets, "packet") + ` in, ${grouped(line.egress_packets)} out`;
  const showPlace = (place) => {
    const section = make("div", "place",
      make("h3", "", place.interface + " " + place.direction + " ", mark(place.verdict, place.verdict + ": " + place.reason)));
    if (place.rule) section.append(make("p", "", "by ", make("span", "code", place.rule), place.group ? " of " : "", make("span", "code", place.group || "")));
    if (place.why) section.append(why(place.why));
    if (place.exemption) section.append(why("Exempt: " + place.exemption));
    const { before, after } = place.connection;
    if (before) section.append(why("Connection: " + connection(before)));
    else if (after) section.append(why("It opens a connection: " + connection(after)));
    if (place.tracking) section.append(why((place.tracking.tracked ? "Tracked: " : "Not tracked: ") + place.tracking.because));
    section.append(...place.groups.map((group) => showGroup(group, place.direction)));
    const change = place.change;
    if (change.change === "none") section.append(why("No rule would change it: " + change.because));
    else section.append(why(place.verdict === "allow" ? "To deny it, type or change in a template:" : "To allow it, type or add to a template:"),
      make("pre", "", change.commands.join("\n")), make("pre", "", change.cloudformation));
    return section;
  };
  const showGroup = (group, direction) => {
    const items = group.rules.filter((rule) => rule.direction === direction).map((rule) => make("li", rule.matches ? "matches" : "",
      make("span", "sign", rule.matches ? "✓" : "✗"),
      make("span", "what", rule.allows, small(rule.rule + (rule.description ? " · " + rule.description : ""))),
      make("span", "fails", rule.matches ? "matches" : "fails on " + rule.fails_on)));
    const others = group.rules.length - items.length;
    if (others) items.push(make("li", "", make("span", "sign", ""), make("span", "fails", counted(others, "rule") + " of the other direction")));
    return make("div", "", make("p", "of-group", group.name && group.name !== group.group ? `${group.name} (${group.group})` : group.group),
      make("ul", "considered", ...items));
  };
  const explain = async (flow) => {
    try {
      const told = (await ask({ explain: { flow } })).explained;
      const verdict = make("div", "verdict " + told.verdict, make("b", "", told.verdict), make("span", "code", told.packet.flow));
      if (told.note) verdict.append(make("span", "", told.note));
      if (told.answer) verdict.append(make("span", "small", "the answer: " + told.answer.verdict));
      at("answer").replaceChildren(verdict, ...told.places.map(showPlace));
    } catch (error) {
      if (!door.shut(error)) at("answer").replaceChildren(make("p", "error", error.message));
    }
  };
  at("ask").addEventListener("submit", (event) => { event.preventDefault(); explain(at("flow").value.trim()); });

  // The round: everything at once, again when it is there and two seconds are over; nothing while nobody looks.
  const ROUND = 2000;
  const look = async () => {
    const [status, denials, traffic, known] = await Promise.all([ask("status"), ask({ denials: { limit: 100 } }),
      ask({ traffic: { limit: 100, over_seconds: 2 } }), ask({ rules: {} })]);
    const now = performance.now();
    showStatus(status.status, now);
    showDenials(denials.denials);
    showTraffic(traffic.traffic);
    rules = known.rules;
    showRules(now);
    fold();
  };
  const round = async () => {
    if (paused || document.hidden || !door.isOpen()) return;
    try {
      await look();
      if (!paused) pulse("on", "live");
    } catch (error) {
      if (!door.shut(error)) pulse("off", "no answer: " + error.message);
    }
  };
  const rest = () => new Promise((wake) => { door.whenOpened(wake); setTimeout(wake, ROUND); });
  (async () => {
    for (;;) {
      await round();
      await rest();
    }
  })();
})();
