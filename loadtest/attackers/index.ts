// Question: what do good clients notice of attackers, and are these dropped within their limits?
// By hand: npm run attackers [-- --attack ws-slow-readers --count 2000 --rounds 3]. How to read it: loadtest/README.md.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { sharedKafka, skipWithoutKafka } from '../../test/support/kafka-shared.ts'
import { canPin, pinSelf } from '../bench/child.ts'
import { readProfile } from '../bench/cpu-profile.ts'
import { attacks, crowds } from './attacks.ts'
import type { AttackName } from './attacks.ts'
import { besides } from './besides.ts'
import { headText, rowText } from './table.ts'

const gatewayCore = 0
const otherCore = 1
const countMax = 10_000
const roundsMax = 20
const { values } = parseArgs({
  options: {
    attack: { type: 'string', multiple: true, default: Object.keys(attacks) },
    count: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '3' },
    cpu: { type: 'string', default: '0.2' },
    again: { type: 'string', default: '1000' },
    profile: { type: 'boolean', default: false }
  }
})
const within = (text: string, most: number): number => Math.min(Math.max(1, Math.floor(Number(text)) || 1), most)
const names = values.attack.map(name => {
  if (!Object.hasOwn(crowds, name)) throw new Error(`${name} is none of ${Object.keys(crowds).join(', ')}`)
  return name as AttackName
})

if (process.platform !== 'linux') throw new Error('this program reads memory from /proc, which only Linux has')
const reason = await skipWithoutKafka()
if (reason !== false) throw new Error(reason)
const pins = canPin()
if (pins) pinSelf(otherCore)
const kafka = await sharedKafka()
try {
  console.log(headText)
  for (const name of names) {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-attackers-'))
    try {
      const row = await besides({
        name, kafka, folder, core: pins ? gatewayCore : undefined, count: within(values.count, countMax),
        roundsCount: within(values.rounds, roundsMax), cpuShare: Number(values.cpu), againMs: Number(values.again),
        profile: values.profile, timeoutMs: 5_000, quietMs: 10_000, attackMs: 15_000
      })
      console.log(rowText(name, row))
      if (values.profile) console.log(readProfile(folder))
    } catch (error) {
      // The others are still worth to be known.
      process.exitCode = 1
      console.log(`${name} failed: ${String(error)}`)
    } finally {
      rmSync(folder, { recursive: true })
    }
  }
} finally {
  await kafka.stop()
}
