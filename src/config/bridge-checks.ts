// Rules over bridges: each acts as a principal of the config, where anybody is asked who they are.

import type { Check, ConfigDocument } from './load.ts'
import { listAt, textAt } from './lookup.ts'
import { quote } from './mistake.ts'

/** The principals that bridges act as. */
export function bridgedPrincipals (document: ConfigDocument): ReadonlySet<string> {
  return new Set(listAt(document, 'mqttBridge').flatMap(bridge => textAt(bridge, 'principal') ?? []))
}

export const bridgesActAsSomebody: Check = document => {
  const known = new Set(listAt(document, 'principals').map(one => textAt(one, 'name')))
  const asked = listAt(document, 'authentication').length > 0
  return listAt(document, 'mqttBridge').flatMap((bridge, index) => {
    const principal = textAt(bridge, 'principal')
    const path = ['mqttBridge', index, 'principal']
    if (principal === undefined && !asked) return []
    if (principal === undefined) {
      return [{
        path, problem: 'missing, and others are asked who they are: its events would come from nobody',
        expected: 'the name of one of the principals'
      }]
    }
    if (known.has(principal)) return []
    return [{ path, problem: `no principal is named ${quote(principal)}`, expected: 'the name of one of the principals' }]
  })
}
