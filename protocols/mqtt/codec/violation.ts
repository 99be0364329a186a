// A violation of the protocol as a value: which rule is broken, how a peer is told, and what it should do.

import { rules } from './rules.ts'
import type { ProtocolVersion, Rule } from './rules.ts'

export type RuleName = keyof typeof rules

/** What ends a connection. It is a value, made once for each rule and version. */
export interface Violation {
  readonly type: 'violation'
  readonly rule: RuleName
  /** Of CONNACK or DISCONNECT in MQTT 5. MQTT 3.1.1 has none but return codes 1 (0x84) and 2 (0x85) of CONNACK. */
  readonly reasonCode: number
  /** The number of the statement that is broken, or the section that says so without a number. */
  readonly clause: string
  /** Tells the peer what to change; it quotes nothing that the peer sent. */
  readonly detail: string
}

function violationsOf (version: ProtocolVersion): ReadonlyMap<string, Violation> {
  return new Map(Object.entries<Rule>(rules).map(([rule, { reasonCode, clause, detail }]) =>
    [rule, { type: 'violation', rule: rule as RuleName, reasonCode, clause: clause[version], detail }]))
}

const made = { 4: violationsOf(4), 5: violationsOf(5) }

export function violationOf (rule: RuleName, version: ProtocolVersion): Violation {
  const violation = made[version].get(rule)
  if (violation === undefined) throw new Error(`there is no rule ${rule}`)
  return violation
}
