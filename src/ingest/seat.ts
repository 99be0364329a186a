// One judge in its place in a chain: asks it as the operator wants it asked, and makes of its answer what that means.

import type { Eventually } from '../contract/adapter.ts'
import { unjudgedName } from '../contract/cloudevents.ts'
import type { Envelope } from '../contract/envelope.ts'
import { isRefusal, refuse } from '../contract/outcome.ts'
import type { LimitState } from '../contract/limit-state.ts'
import type { PolicyPlace, Refusal } from '../contract/outcome.ts'
import type { Admitted, Judge, JudgeContext, Scope, Verdict } from '../contract/policy.ts'
import type { Condition } from './condition.ts'
import { Breaker } from './conduct.ts'
import type { ConductSettings } from './conduct.ts'

/** A judge with what the chain must know of it. */
export interface SeatedJudge {
  readonly name: string
  /** Where it stands in the config, e.g. `routes.orders.policies[0]`; absent: nobody needs to know. */
  readonly place?: string
  readonly scope: Scope
  readonly judge: Judge
  readonly conduct?: ConductSettings
  readonly when?: Condition | undefined
}

/**
 * `skip`: not asked, as its condition is false. `unclear`: its condition has no value for the event, so it is asked,
 * and another decision follows. `would-refuse`: refused in shadow mode. `fault`: the policy failed.
 */
export type Decision = 'pass' | 'refuse' | 'would-refuse' | 'skip' | 'unclear' | 'fault'
export const decisions: readonly Decision[] = ['pass', 'refuse', 'would-refuse', 'skip', 'unclear', 'fault']

/** What else there is to say of a decision. */
export interface Told {
  /** What was said, or would have been, of which event. */
  readonly refusal?: Refusal
  readonly envelope?: Envelope
  /** Why a condition is unclear. */
  readonly reason?: string
}

/** Told of every decision, for metrics and explanations. */
export type DecisionListener = (policy: PolicyPlace, decision: Decision, told?: Told) => void

/** Told of a judge that threw or did not answer: a bug of the policy, not an answer. */
export type FaultListener = (policy: string, fault: unknown) => void

export interface SeatOptions {
  /** How long a verdict may take where the policy's settings do not say, in milliseconds. */
  readonly judgeTimeoutMs: number
  readonly onDecision: DecisionListener
  readonly onFault: FaultListener
}

const failed: Refusal = {
  ...refuse('internal', 'a policy of this route failed; the operator\'s log says which'), outcome: 'refused'
}

/** Rejects when the promise takes too long: an event must not wait for ever for a judge that lost its answer. */
function inTime<T> (promise: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no verdict within ${timeoutMs} ms`)), timeoutMs)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/** What a judge made of one event: what goes on, and whether the judge holds something for it. */
export interface Judged { readonly result: Envelope | Refusal, readonly held: boolean }

export class Seat {
  readonly judge: Judge
  readonly #place: PolicyPlace
  readonly #failed: Refusal
  readonly #when: Condition | undefined
  readonly #shadow: boolean
  readonly #onError: 'refuse' | 'pass' | 'mark'
  readonly #timeoutMs: number
  readonly #breaker: Breaker
  readonly #options: SeatOptions

  constructor ({ name, place = '', judge, when, conduct = {} }: SeatedJudge, options: SeatOptions) {
    const { shadow = false, onError = 'refuse', timeoutMs = options.judgeTimeoutMs, faultsMax = 5, pauseMs = 5_000 } = conduct
    this.#place = Object.freeze({ name, place })
    this.#failed = { ...failed, policy: this.#place }
    this.judge = judge
    this.#when = when
    this.#shadow = shadow
    this.#onError = onError
    this.#timeoutMs = timeoutMs
    this.#breaker = new Breaker({ faultsMax, pauseMs })
    this.#options = options
  }

  /** True where what it lets pass has to be released. */
  get holds (): boolean { return this.judge.release !== undefined }

  /** Asks about one event. Never throws or rejects. Undefined: it passes as it is, and nothing is held for it. */
  ask (envelope: Envelope, context: JudgeContext): Eventually<Judged | undefined> {
    try {
      if (!this.#isFor(envelope, context)) return this.#skip()
      if (this.#breaker.isOpen) return this.#without(envelope)
      const verdict = this.judge.judge(envelope, context)
      if (!(verdict instanceof Promise)) return this.#weigh(envelope, verdict)
      return inTime(verdict, this.#timeoutMs).then(
        late => this.#weigh(envelope, late),
        (error: unknown) => this.#fault(envelope, error))
    } catch (error) {
      return this.#fault(envelope, error)
    }
  }

  /**
   * Asks a judge that counts about several events at once; one result for each, undefined as in `ask`. Never throws or
   * rejects.
   */
  askMany (envelopes: readonly Envelope[], context: JudgeContext): Eventually<readonly (Judged | undefined)[]> {
    const { judge } = this
    const meant = this.#when === undefined ? envelopes : envelopes.filter(one => this.#isFor(one, context))
    const isMeant = meant === envelopes ? undefined : new Set(meant)
    if (meant.length === 0 || this.#breaker.isOpen) return this.#withoutMany(envelopes, isMeant)
    try {
      if (judge.judgeMany === undefined) throw new Error('it does not judge many at once')
      const admitted = judge.judgeMany(meant, context)
      if (!(admitted instanceof Promise)) return this.#weighMany(envelopes, isMeant, admitted)
      return inTime(admitted, this.#timeoutMs).then(
        late => this.#weighMany(envelopes, isMeant, late),
        (error: unknown) => this.#faultMany(envelopes, isMeant, error))
    } catch (error) {
      return this.#faultMany(envelopes, isMeant, error)
    }
  }

  /** Gives back what the judge holds for an event that it let pass. */
  release (envelope: Envelope, context: JudgeContext): void {
    try {
      this.judge.release?.(envelope, context)
    } catch (error) {
      this.#options.onFault(this.#place.name, error)
    }
  }

  get tells (): boolean { return this.judge.limits !== undefined && !this.#shadow }

  /** How the limits stand that this judge counts the event by. */
  limits (envelope: Envelope, context: JudgeContext): readonly LimitState[] {
    try {
      if (this.#when?.test(envelope, context) === false) return []
      return this.judge.limits?.(envelope, context) ?? []
    } catch (error) {
      this.#options.onFault(this.#place.name, error)
      return []
    }
  }

  /** A condition that has no value for an event may not switch a check off: then the policy is asked. */
  #isFor (envelope: Envelope, context: JudgeContext): boolean {
    const met = this.#when?.test(envelope, context) ?? true
    if (typeof met === 'boolean') return met
    this.#options.onDecision(this.#place, 'unclear', { reason: met.unclear })
    return true
  }

  #skip (): undefined { this.#options.onDecision(this.#place, 'skip') }

  #weigh (envelope: Envelope, verdict: Verdict): Judged | undefined {
    if (isRefusal(verdict)) return this.#refuse(envelope, verdict)
    this.#breaker.answered()
    this.#options.onDecision(this.#place, 'pass')
    const result = this.#shadow ? envelope : verdict ?? envelope
    return this.holds || result !== envelope ? { result, held: this.holds } : undefined
  }

  #refuse (envelope: Envelope, refusal: Refusal): Judged | undefined {
    this.#breaker.answered()
    this.#options.onDecision(this.#place, this.#shadow ? 'would-refuse' : 'refuse', { refusal, envelope })
    return this.#shadow ? undefined : { result: { ...refusal, policy: this.#place }, held: false }
  }

  #weighMany (envelopes: readonly Envelope[], isMeant: ReadonlySet<Envelope> | undefined, admitted: Admitted):
  (Judged | undefined)[] {
    let leftCount = admitted.passedCount
    return envelopes.map(envelope => {
      if (isMeant?.has(envelope) === false) return this.#skip()
      const apart = admitted.apart?.get(envelope)
      if (apart !== undefined) return this.#refuse(envelope, apart)
      if (leftCount-- > 0) return this.#weigh(envelope, undefined)
      return this.#refuse(envelope, admitted.refusal ?? failed)
    })
  }

  #fault (envelope: Envelope, error: unknown): Judged | undefined {
    this.#breaker.failed()
    this.#options.onFault(this.#place.name, error)
    return this.#without(envelope)
  }

  /** One failure, however many events it was asked about. */
  #faultMany (envelopes: readonly Envelope[], isMeant: ReadonlySet<Envelope> | undefined, error: unknown):
  (Judged | undefined)[] {
    this.#breaker.failed()
    this.#options.onFault(this.#place.name, error)
    return this.#withoutMany(envelopes, isMeant)
  }

  #withoutMany (envelopes: readonly Envelope[], isMeant: ReadonlySet<Envelope> | undefined): (Judged | undefined)[] {
    return envelopes.map(one => isMeant?.has(one) === false ? this.#skip() : this.#without(one))
  }

  /** What becomes of an event that the policy could not judge. */
  #without (envelope: Envelope): Judged | undefined {
    this.#options.onDecision(this.#place, 'fault')
    if (this.#shadow || this.#onError === 'pass') return undefined
    if (this.#onError === 'refuse') return { result: this.#failed, held: false }
    const { name } = this.#place
    const before = envelope.extensions.get(unjudgedName)
    const names = before === undefined ? name : `${String(before)},${name}`
    const extensions = new Map([...envelope.extensions, [unjudgedName, names]])
    return { result: { ...envelope, extensions }, held: false }
  }
}
