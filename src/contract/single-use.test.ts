// Proofs that are taken once: by nobody else while a request is under way, and given back where nothing was written.

import t from 'tap'
import { tablesFor } from '../../test/support/table-rig.ts'
import { anonymousPrincipal } from './principal.ts'
import { takeSingleUse } from './single-use.ts'
import type { Table } from './table.ts'

const memory = (): Table | undefined => tablesFor([{ kind: 'memory', keysMax: 8, knownMsMax: 60_000 }])[0]

t.test('a proof that was given back can be shown again, once', async t => {
  const table = memory()
  const first = takeSingleUse(anonymousPrincipal, table, 'a', 10_000)
  t.match(first, { name: 'anonymous' })
  t.equal(takeSingleUse(anonymousPrincipal, table, 'a', 10_000), undefined, 'while it is under way')
  first?.singleUse?.giveBack()
  const second = takeSingleUse(anonymousPrincipal, table, 'a', 10_000)
  t.match(second, { name: 'anonymous' })
  first?.singleUse?.giveBack()
  t.equal(takeSingleUse(anonymousPrincipal, table, 'a', 10_000), undefined, 'it is given back once only')
})

t.test('a proof that was used up is never given back', async t => {
  const table = memory()
  const first = takeSingleUse(anonymousPrincipal, table, 'a', 10_000)
  first?.singleUse?.useUp()
  first?.singleUse?.giveBack()
  t.equal(takeSingleUse(anonymousPrincipal, table, 'a', 10_000), undefined)
})

t.test('after its time a proof is left to whoever has taken it since', async t => {
  const given: string[] = []
  const giveOnce = (key: string): void => { given.push(key) }
  const table = { ...memory(), takeOnce: () => true, giveOnce } as unknown as Table
  takeSingleUse(anonymousPrincipal, table, 'long', 10_000)?.singleUse?.giveBack()
  takeSingleUse(anonymousPrincipal, table, 'over', 0)?.singleUse?.giveBack()
  t.same(given, ['long'])
})

t.test('without a memory nothing can be told, so nothing is taken', async t => {
  t.equal(takeSingleUse(anonymousPrincipal, undefined, 'a', 10_000), undefined)
})
