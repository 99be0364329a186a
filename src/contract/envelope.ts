// One event on its way through the pipeline, the same whatever door it came in by.

import type { Refusal } from './outcome.ts'

/** Who is sending, as authentication found out. */
export interface Principal {
  readonly name: string
  readonly groups: readonly string[]
  /** True where it has not proved who it is, because the config asks nobody or lets such senders in. */
  readonly anonymous: boolean
  /** What it may give as the `source` of an event: exact values, or beginnings that end in `*`. Absent: anything. */
  readonly sources?: readonly string[] | undefined
  /** What else is known of it, from the config or the claims of its token. Absent: nothing. */
  readonly attributes?: Readonly<Record<string, string>> | undefined
  /** When its proof ends, in milliseconds since the epoch. Absent: never. */
  readonly expiresAtMs?: number | undefined
  /** Where its proof is taken once only. Absent: it may be shown again. */
  readonly singleUse?: SingleUse | undefined
}

/** A proof that was taken for one request. Only the pipeline and the ingress call these. */
export interface SingleUse {
  /** An event of the request is or may be written: the proof is never taken again. */
  useUp (): void
  /** The request is over: where nothing has used its proof up, that may be shown again. Counts once. */
  giveBack (): void
}

/** What a peer's verified TLS certificate says. */
export interface Certificate {
  /** The distinguished name as RFC 4514 writes it, e.g. `CN=factory-7,O=Example`. */
  readonly subject: string
  /** Subject alternative names (RFC 5280 4.2.1.6), by kind. A SPIFFE id is a URI. */
  readonly dnsNames: readonly string[]
  readonly uris: readonly string[]
  readonly emails: readonly string[]
  /** SHA-256 of the whole certificate (DER), 64 lower-case hex digits. */
  readonly fingerprint: string
  /** When it ends, in milliseconds since the epoch. */
  readonly expiresAtMs: number
}

/** Who sends: the other end of a connection, or the one for whom a trusted proxy passes on. */
export interface Peer {
  /** An IPv4 address is never written as IPv4-mapped IPv6. */
  readonly address: string
  /** 0 where a proxy did not tell it. */
  readonly port: number
  /** True over TLS. */
  readonly secure: boolean
  /** Unique in this worker while the connection lives. */
  readonly connectionId: number
  /** Absent: it showed none, or the listener asks for none. */
  readonly certificate?: Certificate | undefined
  /** The other end of the connection, where that is a trusted proxy and the address is of whom it named. */
  readonly via?: Peer | undefined
}

/**
 * What travelled beside the data: HTTP headers, gRPC metadata, MQTT user properties, WebSocket frame attributes.
 * Read lazily; names are lower case. Where a protocol has a method and a path they stand under `:method` and `:path`
 * (path with its query, as received).
 */
export interface Attributes {
  /** The first value of that name. */
  get (name: string): string | undefined
  /** Every pair in received order, repeats included, without the `:` names. */
  forEach (visit: (name: string, value: string) => void): void
}

/** No attributes at all. */
export const noAttributes: Attributes = { get: () => undefined, forEach: () => {} }

export type ExtensionValue = string | number | boolean
export const noExtensions: ReadonlyMap<string, ExtensionValue> = new Map()

/** The CloudEvents 1.0 context attributes of one event. */
export interface Context {
  readonly id: string
  readonly source: string
  readonly type: string
  readonly subject: string | undefined
  /** RFC 3339, exactly as received. */
  readonly time: string | undefined
  readonly datacontenttype: string | undefined
  readonly dataschema: string | undefined
  readonly extensions: ReadonlyMap<string, ExtensionValue>
}

export interface Envelope extends Context {
  /** The address, normalised by `parseChannel`. */
  readonly channel: string
  /**
   * True where the sender did not send a CloudEvent. `id`, `source` and `type` may then be empty: the router fills
   * them in from the route. A CloudEvent has all three or was refused by its decoder.
   */
  readonly wrapped: boolean
  /** The received bytes, never re-serialised. `null`: the event has no data. */
  readonly data: Buffer | null
  /** True where a decoder has already found the data to be well-formed JSON. */
  readonly dataChecked: boolean
  readonly principal: Principal
  readonly attributes: Attributes
  readonly peer: Peer
  /** Wall clock, milliseconds since the epoch. */
  readonly receivedAtMs: number
  /** W3C trace context as received, or undefined. */
  readonly traceparent: string | undefined
  readonly tracestate: string | undefined
  /** False: the sender waits `limits.replyTimeoutMs` at most. True: the ack is withheld as long as it takes. */
  readonly patient: boolean
}

/** Asked for every event: cheaper than `isRefusal`, which must tell refusals from anything. */
export function isEnvelope (decoded: Envelope | Refusal): decoded is Envelope {
  return (decoded as Partial<Envelope>).receivedAtMs !== undefined
}

/** What is known of a request before it is an event. `channel` and the principal's name are '' where they are not. */
export type Arrival = Pick<Envelope, 'channel' | 'principal' | 'peer' | 'receivedAtMs'>
