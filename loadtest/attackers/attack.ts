// What an attack is: bytes that one attacker sends, whether it reads, and the limit that is to end it.

/** The listeners of the gateway under attack. */
export type ListenerName = 'http' | 'grpc' | 'tls'

/** The time limits of the gateway under attack, all of them the same, so that a round is short. */
export interface Limits {
  readonly timeoutMs: number
}

/** What attackers know: they are somebody that may connect and may send to one channel. */
export interface Access {
  readonly apiKey: string
  readonly channel: string
}

export interface Attack {
  readonly listener: ListenerName
  /** The setting, or the rule, that is to end it. */
  readonly limit: string
  /** How long after its connection an attacker may live, without the time in which a door looks at its connections. */
  readonly limitMs: number
  /** How an attacker may be told of its end, or feel it. */
  readonly ends: RegExp
  /** Sent as soon as the connection is there. */
  readonly opening: Buffer
  /** Sent when the first bytes have come back; where it is undefined nothing is waited for. */
  readonly deed?: Buffer
  /** Sent after that, one part at a time, round and round. */
  readonly drip?: { readonly everyMs: number, readonly parts: readonly Buffer[] }
  /** True: its half of the connection is closed after the deed. */
  readonly finishes?: boolean
  /** Nothing is measured before all of them are there and so much time has passed: their arrival is no part of it. */
  readonly settleMs?: number
  /** True: nothing that comes back is read, except what the deed waits for. */
  readonly deaf?: boolean
  /** True: the attack is over for the gateway when one call has ended; its connection may stay. */
  readonly isOneCall?: boolean
}

/** Makes the bytes of an attack, once for all its attackers. */
export type MakeAttack = (limits: Limits, access: Access) => Attack | Promise<Attack>
