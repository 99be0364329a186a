// Proofs that are taken once: by nobody else while a request is under way, and given back where nothing was written.

import t from 'tap'
import { tablesFor } from '../../test/support/table-rig.ts'
import type { Principal } from './envelope.ts'
import { isRefusal } from './outcome.ts'
import { anonymousPrincipal } from './principal.ts'
import { repetitionOf, takeSingleUse } from './single-use.ts'
import type { Table } from './table.ts'

const repetition = repetitionOf('this proof', '; sign anew')
const underWay = { code: 'unverifiable', retryAfterMs: 1_000, detail: /this proof is under way/ }
const usedUp = { code: 'unauthenticated', proven: true, detail: /this proof was taken already.*sign anew/ }

function memory (): Table {
  const [table] = tablesFor([{ kind: 'memory', keysMax: 8, knownMsMax: 60_000 }])
  if (table === undefined) throw new Error('a table was asked for')
  return table
}

function take (memory: Table | undefined, key = 'a', knownMs = 10_000): ReturnType<typeof takeSingleUse> {
  return takeSingleUse(anonymousPrincipal, { memory, key, knownMs }, repetition)
}

function taken (memory: Table): Principal {
  const found = take(memory)
  if (isRefusal(found)) throw new Error(found.detail)
  return found
}

t.test('a proof that was given back can be shown again, once', async t => {
  const table = memory()
  const first = taken(table)
  t.equal(first.name, 'anonymous')
  t.match(take(table), underWay)
  first.singleUse?.giveBack()
  taken(table)
  first.singleUse?.giveBack()
  t.match(take(table), underWay, 'it is given back once only')
})

t.test('a proof that was used up is never given back, and no longer under way', async t => {
  const table = memory()
  const first = taken(table)
  first.singleUse?.useUp()
  t.match(take(table), usedUp)
  first.singleUse?.giveBack()
  t.match(take(table), usedUp)
})

t.test('after its time a proof is left to whoever has taken it since', async t => {
  const told: string[] = []
  const table = {
    ...memory(), takeOnce: () => 'taken' as const,
    giveOnce: (key: string) => { told.push(`${key} given`) }, useOnce: (key: string) => { told.push(`${key} used`) }
  }
  for (const [key, knownMs] of [['long', 10_000], ['over', 0]] as const) {
    const principals = [take(table, key, knownMs), take(table, key, knownMs)] as Principal[]
    principals[0]?.singleUse?.giveBack()
    principals[1]?.singleUse?.useUp()
  }
  t.same(told, ['long given', 'long used'])
})

t.test('without a memory nothing can be told, so nothing is taken', async t => {
  t.match(take(undefined), usedUp)
})
