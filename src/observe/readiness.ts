// Decides whether this gateway is ready, and says why not: a pure function of what the supervisor knows.

import type { SinkHealth } from '../contract/sink.ts'
import type { ReadinessSettings } from './config.ts'

export interface HealthStatus {
  readonly workers: { readonly aliveCount: number, readonly wantedCount: number }
  /** As `worstOf` makes it of what each worker says; undefined where the sink is not in use. */
  readonly kafka: SinkHealth | undefined
  /** `degraded`: what an operator should look at though events are taken; '' for nothing. */
  readonly journal: (SinkHealth & { readonly degraded: string }) | undefined
  readonly draining: boolean
}

export interface Readiness {
  /** `degraded`: ready, but an operator should look. */
  readonly status: 'ok' | 'degraded' | 'unavailable'
  readonly reasons: readonly string[]
}

/** One health of what every worker says of its own: ready when all are. Without any worker it is not. */
export function worstOf (healths: readonly SinkHealth[]): SinkHealth {
  const reasons = new Set(healths.filter(({ ready }) => !ready).map(({ reason }) => reason))
  if (healths.length === 0) return { ready: false, reason: 'no worker has told its state' }
  return { ready: reasons.size === 0, reason: [...reasons].join('; ') }
}

/**
 * Kafka is shared by all gateways: taking every one of them away because of it helps nobody, so by default that is only
 * `degraded`. The journal is this node's own: another node may take over, so its failure is `unavailable`.
 */
export function readiness (status: HealthStatus, settings: ReadinessSettings): Readiness {
  const { workers: { aliveCount, wantedCount }, kafka, journal, draining } = status
  const failures: string[] = []
  const complaints: string[] = []
  if (draining) failures.push('this gateway is stopping')
  if (aliveCount < wantedCount) {
    (aliveCount === 0 ? failures : complaints).push(`${aliveCount} of ${wantedCount} workers are running`)
  }
  if (kafka !== undefined && !kafka.ready) {
    (settings.kafka === 'required' ? failures : complaints).push(`kafka: ${kafka.reason}`)
  }
  if (journal !== undefined && !journal.ready) failures.push(`journal: ${journal.reason}`)
  else if (journal !== undefined && journal.degraded !== '') complaints.push(`journal: ${journal.degraded}`)
  if (failures.length > 0) return { status: 'unavailable', reasons: [...failures, ...complaints] }
  return { status: complaints.length > 0 ? 'degraded' : 'ok', reasons: complaints }
}
