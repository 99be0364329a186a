// What a policy is: a judge of envelopes or an authenticator of peers. It never names a protocol or a status.

import type { Credentials, Eventually, Log } from './adapter.ts'
import type { Envelope, Peer, Principal } from './envelope.ts'
import type { Ack, Refusal } from './outcome.ts'

/** How often a judge is asked: once per connection, once per request (a batch is one), or for every event. */
export type Scope = 'connection' | 'request' | 'event'

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
  close? (): void
}

export interface Authenticator {
  /** `undefined`: the peer showed nothing of this kind, the next authenticator is asked. A refusal ends the search. */
  authenticate (credentials: Credentials, peer: Peer): Eventually<Principal | Refusal | undefined>
  /** Lower-case names of the attributes and arguments that carry secrets; they never travel to Kafka. */
  readonly secretNames: readonly string[]
  /** How to authenticate, told to whoever did not, e.g. "send an API key in x-api-key". */
  readonly advice: string
  close? (): void
}

/** One principal of the config. A credential has one key, the `credential` name of the authenticator that reads it. */
export interface PrincipalSettings {
  readonly name: string
  readonly groups: readonly string[]
  readonly credentials: readonly Readonly<Record<string, unknown>>[]
}

export interface PolicySetup<Config> {
  readonly config: Config
  readonly principals: readonly PrincipalSettings[]
  readonly log: Log
}

interface PolicyCommon {
  /** Also its key in `policies:` or `authentication:`. */
  readonly name: string
  /** JSON Schema (TypeBox) of its settings. */
  readonly config: object
}

export interface JudgeModule<Config = unknown> extends PolicyCommon {
  readonly kind: 'judge'
  readonly scope: Scope
  create (setup: PolicySetup<Config>): Judge
}

export interface AuthenticatorModule<Config = unknown> extends PolicyCommon {
  readonly kind: 'authenticator'
  /** The key it reads in a principal's `credentials` and its JSON Schema. */
  readonly credential: { readonly name: string, readonly schema: object } | undefined
  create (setup: PolicySetup<Config>): Authenticator
}

/** One line of `plugins/index.ts`. */
export type PolicyModule<Config = unknown> = JudgeModule<Config> | AuthenticatorModule<Config>
