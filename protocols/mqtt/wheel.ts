// One timer for all time limits of a door: items come up within a tick of their time, however many there are.

/** Something that waits for a time. Only the wheel sets the two numbers. */
export interface Timed {
  /** When it wants to be called, on the wheel's clock; Infinity is never. */
  dueMs: number
  /** The tick at which it will be looked at; -1 is none. */
  wheelTick: number
  /** Its time has come. It may schedule itself again. */
  onDue (nowMs: number): void
}

const tickMs = 50
const slotsCount = 1_024

/**
 * Putting a time off costs nothing: an item is looked at when its earlier time comes, and moves on then. An item that
 * is cancelled is let go at once, with all that it holds.
 */
export class Wheel {
  readonly #nowMs: () => number
  readonly #slots: Set<Timed>[] = Array.from({ length: slotsCount }, () => new Set())
  #tick = 0
  #itemsCount = 0
  #timer: NodeJS.Timeout | undefined

  constructor (nowMs: () => number) {
    this.#nowMs = nowMs
  }

  get itemsCount (): number { return this.#itemsCount }

  schedule (item: Timed, dueMs: number): void {
    if (dueMs === Infinity) return this.cancel(item)
    item.dueMs = dueMs
    if (this.#timer === undefined) this.#start()
    const tick = Math.min(Math.max(this.#tick + 1, Math.ceil(dueMs / tickMs)), this.#tick + slotsCount - 1)
    if (item.wheelTick > this.#tick && item.wheelTick <= tick) return
    this.#remove(item)
    item.wheelTick = tick
    this.#slots[tick % slotsCount]?.add(item)
    this.#itemsCount += 1
  }

  #remove (item: Timed): void {
    if (item.wheelTick === -1) return
    if (this.#slots[item.wheelTick % slotsCount]?.delete(item) === true) this.#itemsCount -= 1
    item.wheelTick = -1
  }

  cancel (item: Timed): void {
    item.dueMs = Infinity
    this.#remove(item)
  }

  /** Calls whatever is due by now. */
  turn (): void {
    const nowMs = this.#nowMs()
    const until = Math.floor(nowMs / tickMs)
    for (let seen = 0; this.#tick < until && seen < slotsCount; seen++) this.#visit(++this.#tick, nowMs)
    this.#tick = Math.max(this.#tick, until)
    if (this.#itemsCount > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #start (): void {
    this.#tick = Math.floor(this.#nowMs() / tickMs)
    this.#timer = setInterval(() => { this.turn() }, tickMs)
    // Connections keep a process alive, not their time limits.
    this.#timer.unref()
  }

  #visit (tick: number, nowMs: number): void {
    for (const item of this.#slots[tick % slotsCount] ?? []) {
      this.#remove(item)
      if (item.dueMs <= nowMs) item.onDue(nowMs)
      else this.schedule(item, item.dueMs)
    }
  }
}
