// Tests of the remembered key: only the very key of the very connection finds its owner.

import t from 'tap'
import { peer } from '../../test/support/odd-envelopes.ts'
import { createLastKey } from './last-key.ts'

t.test('the key that was right last is found on its own connection only', async t => {
  const last = createLastKey<string>()
  const other = { ...peer, connectionId: 2 }
  t.equal(last.find(peer, 'secret-1'), undefined)
  last.keep(peer, 'secret-1', 'anna')
  t.equal(last.find(peer, 'secret-1'), 'anna')
  t.equal(last.find(other, 'secret-1'), undefined)
  const wrong = ['', 'secret-', 'secret-2', 'secret-11', 'Secret-1', 'secret-\u0131']
  for (const key of wrong) t.equal(last.find(peer, key), undefined, key)
})

t.test('a connection remembers one key', async t => {
  const last = createLastKey<string>()
  last.keep(peer, 'secret-1', 'anna')
  last.keep(peer, 'secret-2', 'bob')
  t.equal(last.find(peer, 'secret-1'), undefined)
  t.equal(last.find(peer, 'secret-2'), 'bob')
})
