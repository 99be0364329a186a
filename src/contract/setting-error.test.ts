// A setting error keeps its place beside its words.

import t from 'tap'
import { SettingError } from './setting-error.ts'

t.test('it is an error that knows its place', async t => {
  const error = new SettingError('two of them claim the same', ['principals', 1])
  t.type(error, Error)
  t.equal(error.message, 'two of them claim the same')
  t.same(error.path, ['principals', 1])
})
