// The attackers' process: behind everybody else where the core is wanted, and bounded in CPU besides.

import { constants, getPriority, setPriority } from 'node:os'
import type { Access, Limits } from './attack.ts'
import { crowds } from './attacks.ts'
import type { AttackName } from './attacks.ts'
import { Crowd } from './crowd.ts'
import type { CrowdOptions } from './crowd.ts'
import { summaryOf } from './endings.ts'
import type { EndingsSummary } from './endings.ts'

export interface CrowdSetup extends Omit<CrowdOptions, 'attack' | 'port'> {
  readonly name: AttackName
  readonly ports: Readonly<Record<'http' | 'grpc' | 'tls', number>>
  readonly limits: Limits
  readonly access: Access
}

export type ToCrowd =
  | { readonly kind: 'begin', readonly setup: CrowdSetup }
  | { readonly kind: 'report' }

export interface CrowdReport extends EndingsSummary {
  readonly kind: 'report'
  readonly limit: string
  readonly limitMs: number
  readonly openedCount: number
  /** Connections that were closed before they were there. */
  readonly refusedCount: number
  readonly openCount: number
  /** Of those that are open: above their limit. */
  readonly lateCount: number
  /** Above the limit when they ended. */
  readonly endedLateCount: number
  /** How late the attackers' process itself was at most: so much later they noticed their end. */
  readonly lagMsMost: number
  /** What they used, of one core. */
  readonly cpuShare: number
}

export type FromCrowd = { readonly kind: 'begun' } | CrowdReport

/** Doors look at their connections about once a second, and wait two for the answer to a close. */
export const slackMs = 4_000

/** Of priority, behind the other processes here. */
const stepsBehind = 15

const tell = (message: FromCrowd): void => { process.send?.(message) }
let report = (): void => {}

async function begin ({ name, ports, limits, access, ...options }: CrowdSetup): Promise<void> {
  const attack = await crowds[name](limits, access)
  const crowd = new Crowd({ ...options, attack, port: ports[attack.listener] })
  report = () => {
    const { endings, openedCount, refusedCount, openCount, pace, lagMsMost } = crowd
    // Who does not read learns of its end when it writes again after the write that was answered with a reset.
    const noticeMs = attack.deaf === true ? 2 * (attack.drip?.everyMs ?? 0) : 0
    const mostMs = attack.limitMs + slackMs + lagMsMost + noticeMs
    tell({
      kind: 'report', ...summaryOf(endings), limit: attack.limit, limitMs: attack.limitMs, openedCount, refusedCount, openCount,
      lateCount: crowd.olderThan(mostMs), endedLateCount: endings.filter(({ afterMs }) => afterMs > mostMs).length,
      lagMsMost, cpuShare: pace.usedMs / pace.elapsedMs
    })
  }
  void crowd.run()
  const timer = setInterval(() => {
    if ((attack.settleMs === undefined ? crowd.openedCount : crowd.begunCount) < options.count) return
    clearInterval(timer)
    setTimeout(tell, attack.settleMs ?? 0, { kind: 'begun' })
  }, 20)
}

setPriority(Math.min(constants.priority.PRIORITY_LOW, getPriority() + stepsBehind))
process.on('message', (message: ToCrowd) => {
  if (message.kind === 'report') report()
  else void begin(message.setup)
})
process.on('disconnect', () => process.exit())
