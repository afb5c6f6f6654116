// The calls of /api/v1 (docs/api.md), one function for each way of asking. Nothing here knows a page.

import { Problem, session } from "./session.js";

export { Problem };

const BASE = "/api/v1";
const MOST_PAGES = 50;

/**
 * @param {string} method
 * @param {string} path  below /api/v1
 * @param {{query?: Record<string, any>, body?: any, signal?: AbortSignal, headers?: Record<string, string>}} [options]
 * @returns {Promise<Response>}  one of 2xx or 304; all others are thrown as a {@link Problem}
 */
export async function request(method, path, options = {}) {
  const url = BASE + path + queryOf(options.query);
  /** @type {Record<string, string>} */
  const headers = { ...options.headers };
  let body = options.body;
  if (body !== undefined && !(body instanceof Blob)) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(body);
  }
  let token = await session.access();
  for (let attempt = 0; ; attempt += 1) {
    headers.Authorization = `Bearer ${token}`;
    const response = await fetch(url, { method, headers, body, signal: options.signal });
    if (response.ok || response.status === 304) return response;
    const problem = await Problem.of(response);
    if (problem.status !== 401 || problem.type !== "about:blank" || attempt > 0) throw problem;
    token = await session.access(token);
  }
}

/** @param {Record<string, any>} [query] */
function queryOf(query) {
  const pairs = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== null && value !== "");
  if (!pairs.length) return "";
  return "?" + pairs.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join("&");
}

async function json(method, path, options) {
  const response = await request(method, path, options);
  return response.status === 204 ? null : response.json();
}

/** @param {string} path @param {Record<string, any>} [query] @param {AbortSignal} [signal] */
export const get = (path, query, signal) => json("GET", path, { query, signal });
/** @param {string} path @param {any} [body] @param {AbortSignal} [signal] */
export const post = (path, body, signal) => json("POST", path, { body, signal });
/** @param {string} path @param {any} body */
export const put = (path, body) => json("PUT", path, { body });
/** @param {string} path @param {any} body */
export const patch = (path, body) => json("PATCH", path, { body });
/** @param {string} path @param {any} [body] @param {Record<string, any>} [query] */
export const remove = (path, body, query) => json("DELETE", path, { body, query });

/**
 * Every item of a list, page by page; at most `most`.
 * @param {string} path @param {Record<string, any>} [query] @param {AbortSignal} [signal] @param {number} [most]
 */
export async function all(path, query = {}, signal, most = 2000) {
  const items = [];
  let cursor;
  for (let page = 0; page < MOST_PAGES && items.length < most; page += 1) {
    const answer = await get(path, { limit: 200, ...query, cursor }, signal);
    items.push(...answer.items);
    cursor = answer.next_cursor;
    if (!cursor) break;
  }
  return items.slice(0, most);
}

/**
 * Where an older platform has no such call there is nothing, rather than an error.
 * @template T @param {Promise<T>} answer @returns {Promise<T|null>}
 */
export async function optional(answer) {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Problem && (error.status === 404 || error.status === 405 || error.status === 403)) return null;
    throw error;
  }
}

/** @param {string} device @param {number} [channel] */
export function deviceAt(device, channel) {
  const path = `/devices/${encodeURIComponent(device)}`;
  return channel === undefined ? path : `${path}/channels/${channel}`;
}

/** What a person can do about it: the platform's own words, or that it does not answer. @param {unknown} error */
export function isAborted(error) {
  return error instanceof DOMException && error.name === "AbortError";
}
