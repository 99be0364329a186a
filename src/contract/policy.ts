// What a policy is: a judge of envelopes, a gate for connections or an authenticator. It names no protocol or status.

import type { Credentials, Eventually, Log } from './adapter.ts'
import type { Envelope, Peer, Principal } from './envelope.ts'
import type { LimitState } from './limit-state.ts'
import type { Ack, Refusal } from './outcome.ts'
import type { PrincipalSettings } from './principal.ts'
import type { Table, TableSettings } from './table.ts'

/** How often a judge is asked: once per request (a batch is one), or for every event. Gates are for connections. */
export type Scope = 'request' | 'event'

/** `undefined` lets the envelope pass; an envelope takes its place (none is ever changed); a refusal ends it. */
export type Verdict = undefined | Envelope | Refusal

/** What a judge may know of the route. */
export interface JudgeContext {
  readonly route: string
  readonly topic: string
  readonly ack: Ack
}

export interface Judge {
  judge (envelope: Envelope, context: JudgeContext): Eventually<Verdict>
  /**
   * For a judge of events that counts: asked once for several events of one request, which share principal, peer,
   * channel and route. But for those `apart`, it lets the first `passedCount` pass and answers the rest with `refusal`.
   */
  judgeMany? (envelopes: readonly Envelope[], context: JudgeContext): Eventually<Admitted>
  /**
   * How the limits stand that count this event, for its sender to know. None that counts other senders with it: how
   * much is left of those would tell what the others do.
   */
  limits? (envelope: Envelope, context: JudgeContext): readonly LimitState[]
  /** For a judge of events that holds something: told once for every event it let pass, when that has its outcome. */
  release? (envelope: Envelope, context: JudgeContext): void
  close? (): void
}

export interface Admitted {
  readonly passedCount: number
  /** Undefined where all pass. */
  readonly refusal: Refusal | undefined
  /** Events that are refused for what they are, e.g. too large for ever: they count for nothing. Absent: none. */
  readonly apart?: ReadonlyMap<Envelope, Refusal>
}

/** Judges connections: asked when a principal first proves itself on one, told when that connection has closed. */
export interface Gate {
  enter (principal: Principal, peer: Peer): Refusal | undefined
  /** Called once for every `enter` that let it in. */
  leave (principal: Principal, peer: Peer): void
  close? (): void
}

export interface Authenticator {
  /** `undefined`: the peer showed nothing of this kind, the next authenticator is asked. A refusal ends the search. */
  authenticate (credentials: Credentials, peer: Peer): Eventually<Principal | Refusal | undefined>
  /** Lower-case names of the attributes and arguments that carry secrets; they never travel to Kafka. */
  readonly secretNames: readonly string[]
  /** How to authenticate, told to whoever did not, e.g. "send an API key in x-api-key". */
  readonly advice: string
  /** The IANA name of its authentication scheme, e.g. `Basic`, where it has one: told to whoever showed nothing. */
  readonly scheme?: string
  /** Levels of what it keeps, by metric name without prefix. */
  readonly gauges?: ReadonlyMap<string, () => number>
  close? (): void
}

export interface PolicySetup<Config> {
  readonly config: Config
  readonly principals: readonly PrincipalSettings[]
  /** One for each that `PolicyCommon.tables` asks for, in its order. */
  readonly tables: readonly Table[]
  readonly log: Log
}

interface PolicyCommon {
  /** Also its key in `policies:` or `authentication:`. */
  readonly name: string
  /** JSON Schema (TypeBox) of its settings. */
  readonly config: object
  /** The tables of counts, exact over all workers of the node, that one instance needs. `config` is its settings. */
  readonly tables?: (config: never) => readonly TableSettings[]
}

export interface JudgeModule<Config = unknown> extends PolicyCommon {
  readonly kind: 'judge'
  readonly scope: Scope
  create (setup: PolicySetup<Config>): Judge
}

/** Stands under the top-level `policies:` only: a connection has no route yet. */
export interface GateModule<Config = unknown> extends PolicyCommon {
  readonly kind: 'gate'
  create (setup: PolicySetup<Config>): Gate
}

export interface AuthenticatorModule<Config = unknown> extends PolicyCommon {
  readonly kind: 'authenticator'
  /** The key it reads in a principal's `credentials` and its JSON Schema. */
  readonly credential: { readonly name: string, readonly schema: object } | undefined
  create (setup: PolicySetup<Config>): Authenticator
  /** True where these settings let it make principals that the config does not have. Absent: never. */
  makesPrincipals? (config: Config): boolean
  /**
   * What is wrong, in words for the operator, with secrets that can be read now and cannot work; a SettingError where
   * it has a place. Only for a config that is being validated: later on secrets may change, and one that is wrong for a
   * while must not stop anything.
   */
  examine? (setup: PolicySetup<Config>): readonly Error[]
}

/** One line of `plugins/index.ts`. */
export type PolicyModule<Config = unknown> = JudgeModule<Config> | GateModule<Config> | AuthenticatorModule<Config>
