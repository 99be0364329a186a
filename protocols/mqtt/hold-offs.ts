// Clients whose connection was closed over a message that is refused for good: each is held off longer the next time.

interface HoldOff { closedCount: number, untilMs: number }

const firstMs = 1_000
const longestMs = 60_000
/** Forgotten when so much time has passed without another one. */
const forgetMs = 600_000
const clientsMax = 10_000

/** By client id, bounded: the one that was held off longest ago is forgotten first. */
export class HoldOffs {
  readonly #nowMs: () => number
  readonly #clients = new Map<string, HoldOff>()

  constructor (nowMs: () => number) {
    this.#nowMs = nowMs
  }

  get heldCount (): number { return this.#clients.size }

  /** Its connection ends now. */
  add (clientId: string): void {
    const nowMs = this.#nowMs()
    const before = this.#clients.get(clientId)
    const closedCount = before === undefined || before.untilMs + forgetMs < nowMs ? 1 : before.closedCount + 1
    const waitMs = Math.min(longestMs, firstMs * 2 ** (closedCount - 1))
    this.#clients.delete(clientId)
    this.#clients.set(clientId, { closedCount, untilMs: nowMs + waitMs })
    if (this.#clients.size <= clientsMax) return
    const [oldest] = this.#clients.keys()
    if (oldest !== undefined) this.#clients.delete(oldest)
  }

  /** How long it must still stay away; 0: it may come. */
  leftMs (clientId: string): number {
    const found = this.#clients.get(clientId)
    if (found === undefined) return 0
    const nowMs = this.#nowMs()
    if (found.untilMs + forgetMs < nowMs) this.#clients.delete(clientId)
    return Math.max(0, found.untilMs - nowMs)
  }
}
