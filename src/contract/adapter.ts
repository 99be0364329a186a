// What a protocol's code gets and gives: the Ingress it may use, and the Adapter that the server starts and drains.

import type { Arrival, Attributes, Envelope, Peer, Principal } from './envelope.ts'
import type { LimitState } from './limit-state.ts'
import type { Refusal, Settler } from './outcome.ts'
import type { ClaimSession } from './session.ts'
import type { SettingError } from './setting-error.ts'

/** A value now, or a promise of it where I/O is needed. Only real promises are awaited. */
export type Eventually<T> = T | Promise<T>

/** What a peer shows to prove who it is. */
export interface Credentials {
  readonly attributes: Attributes
  /** A query or connection argument by name, where the protocol has them; several of one name, joined with `, `. */
  argument (name: string): string | undefined
  /**
   * The whole body as it was sent (before decompression), for an authenticator that checks a signature over it: at most
   * `bytesMax`, held under the pre-auth budget, else a refusal. Absent where the protocol has no body to wait for.
   */
  body? (bytesMax: number): Promise<Buffer | Refusal>
}

/** A condition that is on or off, and tells when it changes. */
export interface Signal {
  readonly on: boolean
  /** Calls `listener` at every change; returns the function that stops that. */
  watch (listener: (on: boolean) => void): () => void
}

/** The one thing an adapter is given. */
export interface Ingress {
  /** Once per connection or request, before a body is read. */
  authenticate (credentials: Credentials, peer: Peer): Eventually<Principal | Refusal>
  /** How senders may prove who they are, by the names of IANA's authentication schemes, in the config's order. */
  readonly schemes: readonly string[]
  /** Takes bytes from the small budget of peers that have not proved who they are yet; undefined when granted. */
  reservePreAuth (bytes: number, peer: Peer): Refusal | undefined
  releasePreAuth (bytes: number, peer: Peer): void
  /**
   * Takes bytes from the node's budget before they are read; undefined when granted. The taker releases them, for the
   * same principal: where room is short, each has a share.
   */
  reserve (bytes: number, principal: Principal): Refusal | undefined
  release (bytes: number, principal: Principal): void
  /** Routes, judges and delivers one event. Settles `ticket` exactly once, possibly before it returns. */
  ingest (envelope: Envelope, settler: Settler, ticket: number): void
  /**
   * The same for many events of one request, which share principal, peer and channel: authentication, route and
   * request-scoped policies are paid for once. Event i settles `firstTicket + i`, in any order.
   */
  ingestMany (envelopes: readonly Envelope[], settler: Settler, firstTicket: number): void
  /**
   * How the limits stand that count the sender of an event which was ingested: for a door that tells. Nothing is kept
   * for it, so it costs only whoever asks.
   */
  limitsOf (envelope: Envelope): readonly LimitState[]
  /**
   * The request that this principal was found for is over: all of its events have their outcomes, and no more come. A
   * proof that is taken once can be shown again then, where nothing of the request was written; so the door tells it
   * before it answers. Not told, as for a connection that stays: the proof is used up.
   */
  conclude (principal: Principal): void
  /** Tells of a request or an event that the door itself refuses: it is counted and logged like any other. */
  refused (refusal: Refusal, arrival: Arrival): void
  /** On: the node is short of budget; doors that can wait stop reading. */
  readonly pressure: Signal
  /** On: this gateway is stopping; finish what is in flight, refuse what is new. */
  readonly draining: Signal
  /**
   * Calls `listener` with the name of every principal whose access ended, so that its idle connections can be closed.
   * Its next event is refused as `unauthenticated` in any case; so is that of a principal whose proof has expired.
   */
  watchRevoked (listener: (principal: string) => void): () => void
  /** For protocols whose clients have names and sessions. */
  readonly claimSession: ClaimSession
}

/** What the adapter may know of a route. */
export interface RouteView {
  readonly name: string
  /** The channel pattern, e.g. `orders/{region}`. */
  readonly channel: string
  readonly format: string
  /** What the operator wrote under this adapter's own route keys (`AdapterModule.routeConfig`). */
  readonly own: Readonly<Record<string, unknown>>
}

/** One listening server of `src/listen`. */
export interface Listening {
  readonly protocol: string
  /** Where the protocol is HTTP/1.1: the platform's own server, which its adapters narrow and share. */
  readonly server: unknown
  /**
   * Elsewhere: hands every connection to `take` (a duplex stream of the platform) once it is admitted and secured. One
   * adapter takes them. A stream in frames gives the bytes of whole ones only: by its event `frame` it tells whether
   * one has begun (true), or none is left that is not whole (false).
   */
  onSocket (take: (socket: unknown) => void): void
  /** The peer behind a socket that this server accepted. */
  peerOf (socket: unknown): Peer
}

/** Counts and levels an adapter shows, by metric name without prefix; the adapter's name is added as label `door`. */
export type Gauges = ReadonlyMap<string, () => number>

export interface Adapter {
  /**
   * Serves one more listener. Called once per listener of the adapter's protocol, before it accepts; adapters of one
   * protocol are called in the registry's order.
   */
  attach (listening: Listening): void
  /** Of an adapter without a protocol: begins its work. Called once, when all listeners of the worker are open. */
  start? (post: Post): void
  /** Resolves when nothing is in flight any more. New work is refused from `ingress.draining` on. */
  drain (): Promise<void>
  readonly gauges: Gauges
}

/** What an adapter that calls others, in place of being called, knows of where it works. */
export interface Post {
  /** The number of the worker, from 0. One that replaces a dead worker has its number. */
  readonly worker: number
  /** A principal of the config, for events whose sender this gateway does not ask. */
  principalNamed (name: string): Principal | undefined
}

/** The facts an adapter is built from. */
export interface AdapterSetup<Config> {
  readonly config: Config
  readonly routes: readonly RouteView[]
  readonly ingress: Ingress
  /** The gateway's version, for documents that name it. */
  readonly version: string
  readonly log: Log
}

/** The small face of the log that every room may use. Nothing is logged per event in normal operation. */
export interface Log {
  debug (fields: Record<string, unknown>, message: string): void
  info (fields: Record<string, unknown>, message: string): void
  warn (fields: Record<string, unknown>, message: string): void
  error (fields: Record<string, unknown>, message: string): void
}

/** One line of `protocols/index.ts`. */
export interface AdapterModule<Config = unknown> {
  /** Also the top-level key of its settings, where `section` names no other. */
  readonly name: string
  readonly section?: string
  /** The `protocol` of the listeners it serves. Undefined: it serves none, and works where its section is there. */
  readonly protocol: string | undefined
  /**
   * JSON Schema (TypeBox) of its settings; every field has a default and a description. Without a protocol: may be a
   * list, which is absent where the operator wrote none.
   */
  readonly config: object
  /** JSON Schema properties that it adds to every route, by key. */
  readonly routeConfig: Readonly<Record<string, object>>
  /** Every mistake in its settings that the schema cannot say. */
  examine? (config: Config): readonly SettingError[]
  /** Builds it, without side effects until `attach`. Throws for settings that `examine` finds fault with. */
  create (setup: AdapterSetup<Config>): Adapter
  /**
   * Plays one event through an adapter that serves nothing else, as a sender would send it but without a socket.
   * Resolves with the answer as it would be on the wire, in text. Rejects where the sample cannot be sent this way.
   */
  rehearse (adapter: Adapter, sample: Sample): Promise<string>
}

/** The top-level key of an adapter's settings. */
export function sectionOf ({ name, section }: Pick<AdapterModule, 'name' | 'section'>): string {
  return section ?? name
}

/** One event as its sender gives it to a client of some protocol. */
export interface Sample {
  readonly channel: string
  /** What travels beside the data, credentials among it: name and value. */
  readonly attributes: readonly (readonly [name: string, value: string])[]
  readonly data: Buffer | null
  readonly peer: Peer
}
