// Who is logged in, and the tokens for it.
//
// A refresh token works once, and a later use ends the session for everybody (docs/api.md, Sessions). Tabs of one browser
// share a session, so one of them, the leader, renews for all: whoever holds the Web Lock of the session. It tells the others
// over a BroadcastChannel; when it closes, the browser hands the lock to another one. The access token lives in memory and in
// what the tabs tell each other; what is stored is the refresh token, for this tab, or for this browser where its user asks.

const KEY = "vedette.session";
const EARLY = 60_000;     // Milliseconds before its end at which an access token is renewed.
const ANSWER_TIME = 4000; // Milliseconds that a leader has to answer; a frozen tab does not.
const GREETING = 250;     // Milliseconds that a new tab waits for another one to say who is logged in.

/** @typedef {{user: string, refresh: string, remembered: boolean, access?: string, until?: number}} Tokens */

/** The platform refused: what its problem document says (RFC 9457). */
export class Problem extends Error {
  /** @param {number} status @param {{type?: string, title?: string, detail?: string, field?: string}} body @param {number} [retryAfter] */
  constructor(status, body, retryAfter) {
    super(body.detail || body.title || `HTTP ${status}`);
    this.name = "Problem";
    this.status = status;
    this.type = (body.type ?? "about:blank").replace("urn:vedette:", "");
    this.field = body.field;
    this.body = body;
    /** Seconds. */
    this.retryAfter = retryAfter;
  }

  /** @param {Response} response */
  static async of(response) {
    const isProblem = /json/.test(response.headers.get("Content-Type") ?? "");
    const body = isProblem ? await response.json().catch(() => ({})) : {};
    return new Problem(response.status, body, Number(response.headers.get("Retry-After")) || undefined);
  }
}

/** Events: `change` when somebody logs in or out, here or in another tab. */
class Session extends EventTarget {
  /** @type {Tokens|null} */
  #tokens = null;
  #isLeader = false;
  /** @type {AbortController|null} */
  #candidacy = null;
  /** @type {Promise<string>|null} */
  #renewal = null;
  /** @type {number|null} the question who is logged in, until there is an answer or this tab knows better */
  #greeting = null;
  #channel = new BroadcastChannel(KEY);

  constructor() {
    super();
    this.#channel.onmessage = ({ data }) => this.#hear(data);
  }

  get user() { return this.#tokens?.user ?? null; }

  /** Takes up what this tab, this browser or another tab knows. */
  async resume() {
    const stored = sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY);
    if (stored) {
      try { this.#take(JSON.parse(stored)); } catch { sessionStorage.removeItem(KEY); }
    }
    this.#greeting = this.#tokens ? null : Math.random();
    this.#channel.postMessage({ kind: "hello", family: this.#family, greeting: this.#greeting });
    if (!this.#tokens) {
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, GREETING);
        this.addEventListener("change", () => { clearTimeout(timer); resolve(undefined); }, { once: true });
      });
    }
    return this.#tokens !== null;
  }

  /**
   * @param {{user: string, password: string, code?: string}} person
   * @param {boolean} remembered  also when the browser was closed
   */
  async logIn(person, remembered) {
    const answer = await post("/api/v1/session", person);
    this.#take(tokensOf(answer, person.user, remembered));
    this.#tell();
  }

  async logOut() {
    const access = await this.access().catch(() => null);
    const tokens = this.#tokens;
    this.#forget();
    if (!tokens) return;
    this.#channel.postMessage({ kind: "over", family: familyOf(tokens.refresh) });
    if (access && (await isClosed(access))) return;
    // Another tab renewed it meanwhile, or the platform was busy: once more, with a token of its own.
    const fresh = await post("/api/v1/session/refresh", { refresh_token: tokens.refresh }).catch(() => null);
    if (fresh) await isClosed(fresh.access_token);
  }

  /**
   * An access token that is good for a while.
   * @param {string} [refused]  the one that the platform has just refused
   * @returns {Promise<string>}
   */
  async access(refused) {
    const tokens = this.#tokens;
    if (!tokens) throw new Problem(401, { title: "Nobody is logged in." });
    if (tokens.access && tokens.access !== refused && (tokens.until ?? 0) - Date.now() > EARLY / 2) return tokens.access;
    this.#renewal ??= this.#renew().finally(() => { this.#renewal = null; });
    return this.#renewal;
  }

  async #renew() {
    if (!this.#isLeader && (await this.#leaderRenews())) return this.#tokens?.access ?? "";
    const tokens = this.#tokens;
    if (!tokens) throw new Problem(401, { title: "Nobody is logged in." });
    const family = familyOf(tokens.refresh);
    let answer;
    try {
      answer = await post("/api/v1/session/refresh", { refresh_token: tokens.refresh });
    } catch (error) {
      // No answer, or a platform that is busy, ends nothing: the token was not used, or the next attempt will tell.
      if (error instanceof Problem && error.status === 401) {
        if (this.#family === family) this.#forget();
        this.#channel.postMessage({ kind: "over", family });
      }
      throw error;
    }
    if (this.#family !== family) {
      // Logged out while it was on its way: nobody is to hold what came.
      await isClosed(answer.access_token);
      throw new Problem(401, { title: "Nobody is logged in." });
    }
    this.#take(tokensOf(answer, tokens.user, tokens.remembered));
    this.#tell();
    return answer.access_token;
  }

  /** Asks the leader. `false`: there is none that answers, and this tab leads now. */
  async #leaderRenews() {
    if (!navigator.locks) return false;
    const before = this.#tokens?.access;
    this.#channel.postMessage({ kind: "renew", family: this.#family, stale: before });
    const answered = await new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), ANSWER_TIME);
      this.addEventListener("tokens", () => { clearTimeout(timer); resolve(true); }, { once: true });
      this.addEventListener("leading", () => { clearTimeout(timer); resolve(false); }, { once: true });
    });
    if (answered) return true;
    if (!this.#isLeader) await this.#lead(true);
    return false;
  }

  get #family() { return this.#tokens ? familyOf(this.#tokens.refresh) : null; }

  /** @param {Tokens} tokens */
  #take(tokens) {
    const before = this.#tokens;
    this.#greeting = null;
    this.#tokens = tokens;
    const { access: _, until: __, ...kept } = tokens;
    (tokens.remembered ? localStorage : sessionStorage).setItem(KEY, JSON.stringify(kept));
    if (!before || familyOf(before.refresh) !== familyOf(tokens.refresh)) {
      this.#isLeader = false;
      this.#candidacy?.abort();
      this.#candidacy = new AbortController();
      this.#lead(false);
    }
    if (before?.user !== tokens.user) this.dispatchEvent(new Event("change"));
    this.dispatchEvent(new Event("tokens"));
  }

  #forget() {
    const was = this.#tokens;
    this.#greeting = null;
    this.#tokens = null;
    this.#isLeader = false;
    this.#candidacy?.abort();
    this.#candidacy = null;
    sessionStorage.removeItem(KEY);
    localStorage.removeItem(KEY);
    if (was) this.dispatchEvent(new Event("change"));
  }

  /** Resolves when this tab leads; with `now` it takes the lead from one that does not answer. */
  #lead(now) {
    if (!navigator.locks) { this.#isLeader = true; return Promise.resolve(); }
    const candidacy = this.#candidacy;
    if (!candidacy) return Promise.resolve();
    return new Promise((leads) => {
      navigator.locks.request(`${KEY}.${this.#family}`, now ? { steal: true } : { signal: candidacy.signal }, () => {
        this.#isLeader = true;
        this.dispatchEvent(new Event("leading"));
        leads(undefined);
        return new Promise((_, end) => candidacy.signal.addEventListener("abort", () => end(candidacy.signal.reason)));
      }).catch(() => {
        // Another tab took the lead because this one was frozen: it stands in the queue again.
        if (this.#candidacy === candidacy && this.#isLeader) {
          this.#isLeader = false;
          this.#lead(false);
        }
        leads(undefined);
      });
    });
  }

  /** @param {number|null} [greeting]  what it answers; whoever is not of this session takes nothing else */
  #tell(greeting = null) {
    this.#channel.postMessage({ kind: "tokens", family: this.#family, tokens: this.#tokens, greeting });
  }

  #hear(message) {
    const mine = this.#family;
    switch (message.kind) {
      case "hello":
        if (this.#tokens && this.#isLeader && (message.family === null || message.family === mine)) this.#tell(message.greeting);
        break;
      case "renew":
        if (!this.#isLeader || message.family !== mine) break;
        if (this.#tokens?.access && this.#tokens.access !== message.stale) this.#tell();
        else this.access(message.stale).catch(() => {});
        break;
      case "tokens":
        // Another person's tab that renews must not log in whoever opens the door here.
        if (mine === null ? this.#greeting !== null && message.greeting === this.#greeting : message.family === mine) {
          this.#take(message.tokens);
        }
        break;
      case "over":
        if (mine !== null && message.family === mine) this.#forget();
        break;
    }
  }
}

function familyOf(refresh) { return refresh.split(".")[0]; }

function tokensOf(answer, user, remembered) {
  return {
    user,
    remembered,
    refresh: answer.refresh_token,
    access: answer.access_token,
    until: Date.now() + answer.expires_in * 1000,
  };
}

/** Ends the session of an access token. `false`: it is not sure. */
async function isClosed(access) {
  const answer = await fetch("/api/v1/session", { method: "DELETE", headers: { Authorization: `Bearer ${access}` } }).catch(() => null);
  return answer?.ok ?? false;
}

async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw await Problem.of(response);
  return response.json();
}

export const session = new Session();
