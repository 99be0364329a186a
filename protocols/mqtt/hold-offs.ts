// Clients whose connection was closed over a message that is refused for good: each is held off longer the next time.

import type { Sender } from './decode.ts'

/** Whoever has a client id once its session is over: other principals are not held off with it. */
type Client = Pick<Sender, 'principal' | 'clientId'>

interface HoldOff { closedCount: number, untilMs: number }

const firstMs = 1_000
const longestMs = 60_000
/** Forgotten when so much time has passed without another one. */
const forgetMs = 600_000
const clientsMax = 10_000

/** By principal and client id, bounded: the one that was held off longest ago is forgotten first. */
export class HoldOffs {
  readonly #nowMs: () => number
  readonly #clients = new Map<string, HoldOff>()

  constructor (nowMs: () => number) {
    this.#nowMs = nowMs
  }

  get heldCount (): number { return this.#clients.size }

  /** Its connection ends now. */
  add (client: Client): void {
    const key = keyOf(client)
    const nowMs = this.#nowMs()
    const before = this.#clients.get(key)
    const closedCount = before === undefined || before.untilMs + forgetMs < nowMs ? 1 : before.closedCount + 1
    const waitMs = Math.min(longestMs, firstMs * 2 ** (closedCount - 1))
    this.#clients.delete(key)
    this.#clients.set(key, { closedCount, untilMs: nowMs + waitMs })
    if (this.#clients.size <= clientsMax) return
    const [oldest] = this.#clients.keys()
    if (oldest !== undefined) this.#clients.delete(oldest)
  }

  /** How long it must still stay away; 0: it may come. */
  leftMs (client: Client): number {
    const key = keyOf(client)
    const found = this.#clients.get(key)
    if (found === undefined) return 0
    const nowMs = this.#nowMs()
    if (found.untilMs + forgetMs < nowMs) this.#clients.delete(key)
    return Math.max(0, found.untilMs - nowMs)
  }
}

/** No client id holds U+0000 (MQTT-1.5.4-2), so no two clients have the same one. */
function keyOf ({ principal, clientId }: Client): string { return `${principal.name}\0${clientId}` }
