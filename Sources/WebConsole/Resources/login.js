import { Problem } from "./api.js";
import { fill, h } from "./dom.js";
import { session } from "./session.js";
import { check, field, form } from "./shell.js";
import { t } from "./texts.js";

/** User and password, then the code of an authenticator app where the account asks for one. */
export function loginPage() {
  const user = h("input", { name: "user", autocomplete: "username", required: true, autocapitalize: "none", spellcheck: false });
  const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true });
  const remembered = h("input", { type: "checkbox", name: "remember" });
  const code = h("input", { name: "code", autocomplete: "one-time-code", inputMode: "text", spellcheck: false, maxLength: 32 });
  const codeField = field(t.login.code, code, t.login.codeHint);
  codeField.hidden = true;
  const first = h("div.fields", null, field(t.login.user, user), field(t.login.password, password), check(t.login.remember, remembered));

  const work = async () => {
    const asksForCode = !codeField.hidden;
    const person = { user: user.value.trim(), password: password.value };
    try {
      await session.logIn(asksForCode ? { ...person, code: code.value.replace(/\s/g, "") } : person, remembered.checked);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (error.type === "totp-required" && !asksForCode) return showCode();
      throw new Problem(error.status, { detail: wordsFor(error, asksForCode) });
    }
  };
  const showCode = () => {
    first.hidden = true;
    codeField.hidden = false;
    code.required = true;
    fill(element.querySelector("button[type=submit]"), t.login.confirm);
    code.focus();
  };
  const element = form({ fields: [first, codeField], verb: t.login.go, work });
  queueMicrotask(() => user.focus());
  return h(
    "div.door", null,
    h(
      "section.card", { "aria-labelledby": "login" },
      h("img", { src: new URL("icon.svg", import.meta.url).pathname, alt: "", width: 56, height: 56 }),
      h("h1", { id: "login" }, t.product), h("p.lead", null, t.login.lead), element,
    ),
  );
}

function wordsFor(error, asksForCode) {
  if (error.status === 401) return asksForCode ? t.login.wrongCode : t.login.wrong;
  if (error.status === 429) return t.login.wait(error.retryAfter ?? 60);
  return error.message;
}
