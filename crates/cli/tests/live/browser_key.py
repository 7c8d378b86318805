"""The live page of a firewall that asks for an access key, in a browser of another host: what a person would see there, as JSON.

    browser_key.py URL ID SECRET

SECGROUP_SCREENSHOTS is as for browser.py.
"""

import json
import sys
import tempfile

from browser import Page, browser


class Door(Page):
    def type_into(self, selector, text):
        self.find(selector)[0].clear()
        self.find(selector)[0].send_keys(text)

    def use(self, key, secret):
        """Types a key and sends the form, by the Enter key."""
        self.type_into("#key-id", key)
        self.type_into("#key-secret", secret + "\n")

    def refused(self, key, secret):
        self.use(key, secret)
        self.until("refusal", lambda: self.texts("#key-refused") != [""])
        return self.texts("#key-refused")[0]

    def is_open(self):
        return self.texts("#pulse") == ["live"] and self.texts(".link") != []

    def asked(self):
        """How often the firewall was asked for data since the page was loaded."""
        return self.driver.execute_script("return performance.getEntriesByType('resource').filter((entry) => entry.name.includes('/ask?')).length")

    def shown(self):
        """What is on the screen, by id."""
        return [element.get_attribute("id") for element in self.find("main > [id], .bar button") if element.is_displayed()]


def look(page, url, key, secret):
    driver = page.driver
    driver.get(url)
    seen = {"locked": page.shown(), "asked_unasked": page.asked(), "has_crypto": driver.execute_script("return isSecureContext || crypto.subtle !== undefined")}
    inputs = {name: page.find(f"#key-{name}")[0] for name in ["id", "secret"]}
    seen["inputs"] = {name: [element.get_attribute(word) for word in ["type", "autocomplete"]] for name, element in inputs.items()}
    for name, width, theme in [("key-light", 1280, "light"), ("key-dark", 1280, "dark"), ("key-phone", 390, "light")]:
        page.photograph(name, width, theme)
    seen["refused"] = [page.refused(key, secret[:-1] + "-"), page.refused("AKIAUNKNOWNUNKNOWN00", secret)]
    page.photograph("key-refused", 1280, "light")
    # Whatever would ask again of itself has done so when a third one was refused.
    seen["refused"].append(page.refused(key, "secret of somebody else"))
    seen["asked_for_refused"] = page.asked()
    page.use(key, secret)
    page.until("page", page.is_open)
    seen["interfaces"] = page.texts(".link h3")
    seen["open"] = page.shown()
    seen["explained"] = page.explain("tcp 203.0.113.10:50000 > 10.0.0.10:22")
    seen["stored"] = driver.execute_script("return [sessionStorage.length, Object.keys(localStorage).filter((name) => name !== 'secgroup-theme'), document.cookie]")
    page.photograph("key-open", 1280, "light")
    page.photograph("key-open-phone", 390, "light")
    # What is not kept is gone with the page; what is kept is there until it is forgotten.
    driver.refresh()
    seen["locked_again"] = page.shown()
    page.find("#key-keep")[0].click()
    # A clock that is an hour late is set by the firewall's.
    driver.execute_script("const now = Date.now; Date.now = () => now() - 3600000")
    page.use(key, secret)
    page.until("page by a wrong clock", page.is_open)
    driver.refresh()
    page.until("page by the key that is kept", page.is_open)
    page.find("#forget")[0].click()
    page.until("form", lambda: "unlock" in page.shown())
    seen["forgotten"] = [page.shown(), page.texts(".link"), driver.execute_script("return sessionStorage.length")]
    return seen


def main():
    url, key, secret = sys.argv[1:]
    with tempfile.TemporaryDirectory() as profile:
        driver = browser(profile)
        try:
            seen = look(Door(driver), url, key, secret)
            messages = [line["message"] for line in driver.get_log("browser")]
            seen["console"] = [text for text in messages if not text.startswith("chrome://") and "401 (Unauthorized)" not in text]
            network = [line["message"] for line in driver.get_log("performance") if '"Network.' in line["message"]]
            seen["signed"] = sum("AWS4-HMAC-SHA256 Credential=" + key in text for text in network)
            seen["secret_sent"] = sum(secret in text or json.dumps(secret)[1:-1] in text for text in network)
        finally:
            driver.quit()
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
