// A client of the WebSocket door that loses nothing: it numbers events, connects again, and resends what was not acked.

/** What became of an event: it is written, or certainly not. Everything else is tried again. */
export type Outcome = { readonly outcome: 'written' } | Nack

/** A refusal. `outcome` is `unknown` where the event may be written all the same. */
export interface Nack {
  readonly outcome: 'refused' | 'unknown'
  readonly code: string
  readonly detail: string
  readonly retryable: boolean
  readonly retryAfterMs?: number
}

export interface ClientOptions {
  /** Such as `wss://events.example/v1/stream`. */
  readonly url: string
  /** Asked at each connection for what proves who sends: `{ token }`, or `{ attributes: { 'x-api-key': ... } }`. */
  readonly credential?: () => object | Promise<object>
  /** Events that may wait, sent or not; `publish` throws beyond them. */
  readonly waitingEventsMax?: number
  /** With events in flight and nothing heard for so long, the connection counts as broken. */
  readonly silenceMsMax?: number
}

interface Waiting {
  /** Which event of this client it is. Its id on a connection is another number: that grows with every resend. */
  readonly sequence: number
  /** The message without its id. `idempotency-key` is the event's name for good: whoever reads it twice can tell. */
  readonly rest: string
  readonly settle: (outcome: Outcome) => void
  readonly fail: (error: Error) => void
}

type Message = { readonly type: string, readonly id: number, readonly window: number, readonly messageBytesMax: number,
  readonly authenticated?: boolean } & Nack

/** Between two attempts to connect, and after a nack that does not say how long: doubled from one to the next. */
const pauseMsFirst = 100
const pauseMsMax = 10_000
const silenceMsStandard = 30_000
/** Above it the socket has enough to do: the next ack asks again. */
const bufferedBytesMax = 1_048_576
/** Connecting again would not help: what was sent cannot be read (1002, 1003, 1007) or is too large (1009). */
const hopeless = new Set([1002, 1003, 1007, 1009])

export class StreamClient {
  readonly #options: ClientOptions
  /** In the order of their sequence: what is to be sent; and by id what is sent and neither acked nor nacked. */
  #waiting: Waiting[] = []
  readonly #inFlight = new Map<number, Waiting>()
  #socket: WebSocket | undefined
  #window = 0
  #messageBytesMax = Infinity
  #lastSequence = 0
  #lastId = 0
  #pauseMs = pauseMsFirst
  #resumeAtMs = 0
  #heardAtMs = 0
  #isOpen = false
  #error: Error | undefined
  #timer: NodeJS.Timeout | undefined
  readonly #drained = new Set<() => void>()

  constructor (options: ClientOptions) {
    this.#options = options
    this.#connect()
  }

  /** Events that have no outcome yet. */
  get waitingCount (): number { return this.#waiting.length + this.#inFlight.size }

  /** Resolves when the event has its outcome, however many connections that takes. `key` names the event for good. */
  publish (channel: string, data: unknown, key: string = crypto.randomUUID()): Promise<Outcome> {
    if (this.#error !== undefined) return Promise.reject(this.#error)
    if (this.waitingCount >= (this.#options.waitingEventsMax ?? 10_000)) throw new Error('too many events wait')
    const rest = JSON.stringify({ channel, data, attributes: { 'idempotency-key': key } }).slice(1)
    return new Promise((settle, fail) => {
      this.#waiting.push({ sequence: ++this.#lastSequence, rest, settle, fail })
      this.#send()
    })
  }

  /** Waits until every event has its outcome, then closes. */
  async close (): Promise<void> {
    if (this.waitingCount > 0) await new Promise<void>(resolve => { this.#drained.add(resolve) })
    this.#stop(new Error('the client was closed'))
  }

  #connect (): void {
    const { url, credential, silenceMsMax = silenceMsStandard } = this.#options
    const socket = new WebSocket(url, credential === undefined ? ['sluice.v1'] : ['sluice.v1', 'sluice.authenticate'])
    this.#socket = socket
    this.#heardAtMs = Date.now()
    const watch = setInterval(() => {
      // A connection can be dead without a word: nothing is heard, and closing it would wait for an answer too.
      if (this.waitingCount > 0 && Date.now() - this.#heardAtMs > silenceMsMax) broken(1006, 'nothing was heard')
    }, silenceMsMax / 10)
    const broken = (code: number, reason: string): void => {
      clearInterval(watch)
      if (this.#socket !== socket) return
      socket.close()
      this.#broken(code, reason)
    }
    socket.addEventListener('message', ({ data }) => {
      if (this.#socket === socket) this.#heard(JSON.parse(String(data)) as Message)
    })
    socket.addEventListener('close', ({ code, reason }) => broken(code, reason))
    // A close follows, which says more.
    socket.addEventListener('error', () => {})
  }

  #heard (message: Message): void {
    this.#heardAtMs = Date.now()
    if (message.type === 'hello') {
      this.#messageBytesMax = message.messageBytesMax
      if (message.authenticated === false) return void this.#authenticate(this.#socket)
    }
    if (message.type === 'hello' || message.type === 'authenticated') this.#isOpen = true
    if ('window' in message) this.#window = message.window
    if (message.type === 'ack') this.#acked(message.id)
    if (message.type === 'nack') this.#nacked(message.id, message)
    this.#send()
  }

  async #authenticate (socket: WebSocket | undefined): Promise<void> {
    try {
      const shown = await this.#options.credential?.()
      if (socket === this.#socket) socket?.send(JSON.stringify({ type: 'authenticate', ...shown }))
    } catch (error) {
      this.#stop(error as Error)
    }
  }

  /** Covers every id up to this one; ids stand in the map as they were sent, so the first higher one ends it. */
  #acked (id: number): void {
    for (const [each, event] of this.#inFlight) {
      if (each > id) break
      this.#inFlight.delete(each)
      this.#pauseMs = pauseMsFirst
      event.settle({ outcome: 'written' })
    }
    this.#tellDrained()
  }

  #nacked (id: number, { outcome, code, detail, retryable, retryAfterMs }: Nack): void {
    const event = this.#inFlight.get(id)
    if (event === undefined) return
    this.#inFlight.delete(id)
    if (retryable || outcome === 'unknown') {
      // Everybody waits: what comes after it would be refused as well, or overtake it.
      // Many may be refused at once, and that is one failure.
      if (retryAfterMs !== undefined) this.#pause(retryAfterMs)
      else if (Date.now() >= this.#resumeAtMs) this.#pause(this.#nextPauseMs())
      this.#resend([event])
    } else {
      event.settle({ outcome, code, detail, retryable })
      this.#tellDrained()
    }
  }

  /** Back to its place among those that wait, so that first attempts and resends keep the order of publishing. */
  #resend (events: readonly Waiting[]): void {
    this.#waiting = [...events, ...this.#waiting].sort((one, other) => one.sequence - other.sequence)
  }

  #send (): void {
    if (!this.#isOpen || Date.now() < this.#resumeAtMs) return
    const socket = this.#socket
    while (socket?.readyState === WebSocket.OPEN && this.#inFlight.size < this.#window &&
      socket.bufferedAmount < bufferedBytesMax) {
      const event = this.#waiting.shift()
      if (event === undefined) return
      const text = `{"type":"event","id":${++this.#lastId},${event.rest}`
      if (text.length * 3 > this.#messageBytesMax && new TextEncoder().encode(text).length > this.#messageBytesMax) {
        const detail = `a message may have ${this.#messageBytesMax} bytes`
        event.settle({ outcome: 'refused', code: 'too-large', detail, retryable: false })
        this.#tellDrained()
      } else {
        this.#inFlight.set(this.#lastId, event)
        socket.send(text)
      }
    }
  }

  /** Nobody knows what became of what was in flight: all of it is sent again, with the same keys. */
  #broken (code: number, reason: string): void {
    const wasOpen = this.#isOpen
    this.#socket = undefined
    this.#isOpen = false
    this.#window = 0
    // 4401 on a connection that was open means that the proof ended: the next one is made with a fresh credential.
    if (hopeless.has(code) || (code === 4401 && !wasOpen)) return this.#stop(new Error(`${code} ${reason}`))
    this.#resend([...this.#inFlight.values()])
    this.#inFlight.clear()
    this.#pause(this.#nextPauseMs())
  }

  /** Between half of the pause and all of it: clients that broke together do not come back together. */
  #nextPauseMs (): number {
    const pauseMs = this.#pauseMs * (0.5 + Math.random() / 2)
    this.#pauseMs = Math.min(this.#pauseMs * 2, pauseMsMax)
    return pauseMs
  }

  /** Goes on after that time; a longer pause that was asked for before holds. */
  #pause (pauseMs: number): void {
    if (this.#error !== undefined || Date.now() + pauseMs < this.#resumeAtMs) return
    this.#resumeAtMs = Date.now() + pauseMs
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      if (this.#error !== undefined) return
      if (this.#socket === undefined) this.#connect()
      this.#send()
    }, pauseMs + 1)
  }

  #stop (error: Error): void {
    this.#error ??= error
    clearTimeout(this.#timer)
    this.#socket?.close(1000)
    for (const event of [...this.#inFlight.values(), ...this.#waiting.splice(0)]) event.fail(this.#error)
    this.#inFlight.clear()
    this.#tellDrained()
  }

  #tellDrained (): void {
    if (this.waitingCount > 0) return
    for (const resolve of this.#drained) resolve()
    this.#drained.clear()
  }
}
