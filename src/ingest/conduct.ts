// How a policy is to be asked, whatever it judges: on which condition, for how long, and what its failure means.

import { Type } from 'typebox'

/** Keys that stand among the settings of every judge. */
export const conductProperties = {
  when: Type.Optional(Type.String({
    minLength: 1, maxLength: 1_000,
    description: 'Judge only events for which this CEL expression is true, e.g. `principal.groups.exists(g, g == "new")`, ' +
      'or for which it has no value; if absent, all.'
  })),
  shadow: Type.Boolean({
    default: false, description: 'true: judge and count, but let everything pass. For trying a policy out on live traffic.'
  }),
  onError: Type.Union([Type.Literal('refuse'), Type.Literal('pass'), Type.Literal('mark')], {
    default: 'refuse',
    description: 'When the policy itself fails: refuse the event, let it pass, or let it pass with the CloudEvents extension ' +
      '`unjudgedby`, which names the policy.'
  }),
  timeoutMs: Type.Optional(Type.Integer({
    minimum: 1, maximum: 60_000, description: 'How long a verdict may take; if absent, limits.replyTimeoutMs.'
  })),
  faultsMax: Type.Integer({
    default: 5, minimum: 1, maximum: 1_000,
    description: 'After so many failures in a row it is not asked for `pauseMs`, and what onError says holds at once.'
  }),
  pauseMs: Type.Integer({ default: 5_000, minimum: 1, maximum: 600_000, description: 'How long it is left alone then.' })
} as const

/** The settings of one seat in a chain; without any, the defaults of the schema. */
export interface ConductSettings {
  readonly when?: string | undefined
  readonly shadow?: boolean
  readonly onError?: 'refuse' | 'pass' | 'mark'
  readonly timeoutMs?: number | undefined
  readonly faultsMax?: number
  readonly pauseMs?: number
}

/** Leaves a policy alone that fails again and again, so that events do not wait for what will not answer. */
export class Breaker {
  readonly #faultsMax: number
  readonly #pauseMs: number
  #faultsCount = 0
  #openUntilMs = 0

  readonly #now: () => number

  /** `now` gives milliseconds of a clock that never goes back. */
  constructor (settings: { readonly faultsMax: number, readonly pauseMs: number }, now = () => performance.now()) {
    this.#faultsMax = settings.faultsMax
    this.#pauseMs = settings.pauseMs
    this.#now = now
  }

  /** True: it is not asked now. When the pause is over one more failure begins the next. */
  get isOpen (): boolean { return this.#faultsCount >= this.#faultsMax && this.#now() < this.#openUntilMs }

  failed (): void {
    this.#faultsCount++
    if (this.#faultsCount >= this.#faultsMax) this.#openUntilMs = this.#now() + this.#pauseMs
  }

  answered (): void { this.#faultsCount = 0 }
}
