// Who looks: asks for an access key where the firewall wants one, and signs what the page asks for with it. The secret stays in this page: in memory, and, if that is
// wanted, in what the browser keeps for this tab until it is closed.
const door = (() => {
  "use strict";
  const at = (id) => document.getElementById(id);
  const PLACE = "secgroup-key";
  const stored = {
    get() { try { return JSON.parse(sessionStorage.getItem(PLACE)); } catch { return null; } },
    set(key) { try { sessionStorage.setItem(PLACE, JSON.stringify(key)); } catch { /* Not here, then. */ } },
    clear() { try { sessionStorage.removeItem(PLACE); } catch { /* There is nothing. */ } },
  };
  let key = stored.get();
  let isOpen = true;
  let opened = () => {};
  // How far the clock of the firewall is ahead of this one, in milliseconds.
  let ahead = 0;

  // The firewall wants a key, or another one than this.
  class Refused extends Error {
    constructor({ code, message }, key) {
      super(code === "AuthFailure" ? "The key is not known here, or the secret is wrong." : message);
      this.key = key;
    }
  }
  const ELSE = { code: "", message: "Whoever is between here and the firewall asks for something else (401)." };

  // What is at `name` beside this page, for these parameters.
  const fetchFrom = async (name, parameters, isSecond = false) => {
    const [query, used, stop] = [sigv4.query(parameters), key, AbortSignal.timeout(10000)];
    const headers = used ? signed(used, name, query) : {};
    const answer = await fetch(name + "?" + query, { cache: "no-store", headers, signal: stop });
    if (answer.status !== 401) return answer;
    const error = (await answer.json().catch(() => ({}))).error ?? ELSE;
    const clock = Date.parse(answer.headers.get("date"));
    if (error.code === "RequestExpired" && !isSecond && clock) {
      ahead = clock - Date.now();
      return fetchFrom(name, parameters, true);
    }
    throw new Refused(error, used);
  };
  const signed = (key, name, query) => {
    const date = sigv4.date(Date.now() + ahead);
    const path = new URL(name, location.href).pathname;
    const authorization = sigv4.authorization(key, { host: location.host, path, query, date, region: "us-east-1", service: "ec2" });
    return { "X-Amz-Date": date, Authorization: authorization };
  };

  const show = (open, why = "") => {
    isOpen = open;
    document.documentElement.classList.toggle("shut", !open);
    at("unlock").hidden = open;
    at("forget").hidden = !open || !key;
    at("key-refused").textContent = why;
  };
  // Asks for a key, because of an error; only for one that is about keys.
  const shut = (error) => {
    if (!(error instanceof Refused)) return false;
    if (error.key !== key) return true; // It was about one that is not used any more.
    const why = key ? error.message : "";
    key = null;
    stored.clear();
    show(false, why);
    at(at("key-id").value ? "key-secret" : "key-id").focus();
    return true;
  };
  // One question tells whether a key is good.
  const unlock = async () => {
    key = { id: at("key-id").value.trim(), secret: at("key-secret").value.trim() };
    at("key-refused").textContent = "";
    at("key-use").disabled = true;
    try {
      await fetchFrom("ask", [["request", '"status"']]);
      if (at("key-keep").checked) stored.set(key);
      at("key-secret").value = "";
      show(true);
      opened();
    } catch (error) {
      if (!shut(error)) at("key-refused").textContent = "No answer: " + error.message;
    } finally {
      at("key-use").disabled = false;
    }
  };
  at("key").addEventListener("submit", (event) => { event.preventDefault(); unlock(); });
  // Nothing of what was shown stays, either.
  at("forget").addEventListener("click", () => { stored.clear(); location.reload(); });
  at("key-plain").hidden = isSecureContext;
  const isWanted = document.querySelector("meta[name=secgroup-keys]") !== null;
  show(key !== null || !isWanted);
  if (!isOpen) at("key-id").focus();
  return { fetch: fetchFrom, shut, isOpen: () => isOpen, whenOpened(then) { opened = then; } };
})();
