// Runs the judges of a route in the operator's order. Synchronous while every judge is; only promises are awaited.

import type { Eventually } from '../contract/adapter.ts'
import type { Envelope } from '../contract/envelope.ts'
import { isRefusal, refuse } from '../contract/outcome.ts'
import type { Refusal } from '../contract/outcome.ts'
import type { Judge, JudgeContext, Scope, Verdict } from '../contract/policy.ts'

/** A judge with what the chain must know of it. */
export interface SeatedJudge {
  readonly name: string
  readonly scope: Scope
  readonly judge: Judge
}

export interface PolicyChain {
  /** The envelope to deliver (the given one or a changed one), or why not. */
  judge (envelope: Envelope, context: JudgeContext): Eventually<Envelope | Refusal>
}

/** Told of every decision, for metrics. */
export type DecisionListener = (policy: string, passed: boolean) => void

/** Told of a judge that threw: a bug of the policy, not an answer. */
export type FaultListener = (policy: string, fault: unknown) => void

interface ChainOptions {
  readonly judges: readonly SeatedJudge[]
  /** How long one judge's promise may take, in milliseconds; then it has failed. */
  readonly judgeTimeoutMs: number
  readonly onDecision: DecisionListener
  readonly onFault: FaultListener
}

/** Rejects when the promise takes too long: an event must not wait for ever for a judge that lost its answer. */
function inTime<T> (promise: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no verdict within ${timeoutMs} ms`)), timeoutMs)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/** A chain over these judges. A judge that throws refuses the event: a check that cannot run has not passed. */
export function createPolicyChain (options: ChainOptions): PolicyChain {
  const { judges, judgeTimeoutMs, onDecision, onFault } = options

  function fault (name: string, error: unknown): Refusal {
    onFault(name, error)
    return { ...refuse('internal', 'a policy of this route failed; the operator\'s log says which'), outcome: 'refused' }
  }

  /** What the verdict makes of the envelope. */
  function weigh (seat: SeatedJudge, envelope: Envelope, verdict: Verdict): Envelope | Refusal {
    const refused = isRefusal(verdict)
    onDecision(seat.name, !refused)
    return refused ? verdict : verdict ?? envelope
  }

  async function goOn (from: number, first: Promise<Verdict>, envelope: Envelope, context: JudgeContext):
  Promise<Envelope | Refusal> {
    const seat = judges[from]
    if (seat === undefined) return envelope
    try {
      const weighed = weigh(seat, envelope, await inTime(first, judgeTimeoutMs))
      return isRefusal(weighed) ? weighed : await run(from + 1, weighed, context)
    } catch (error) {
      return fault(seat.name, error)
    }
  }

  function run (from: number, given: Envelope, context: JudgeContext): Eventually<Envelope | Refusal> {
    let envelope = given
    for (let at = from; at < judges.length; at++) {
      const seat = judges[at]
      if (seat === undefined) break
      let verdict
      try {
        verdict = seat.judge.judge(envelope, context)
      } catch (error) {
        return fault(seat.name, error)
      }
      if (verdict instanceof Promise) return goOn(at, verdict, envelope, context)
      const weighed = weigh(seat, envelope, verdict)
      if (isRefusal(weighed)) return weighed
      envelope = weighed
    }
    return envelope
  }

  return { judge: (envelope, context) => run(0, envelope, context) }
}
