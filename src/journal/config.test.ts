// The journal's settings: each has a default and says what it is.

import t from 'tap'
import { journalConfig } from './config.ts'

t.test('every setting has a description and a default, and numbers end in their unit', async t => {
  for (const [name, setting] of Object.entries(journalConfig.properties)) {
    t.match(setting, { description: /\w{3}.*\.$/s }, name)
    t.hasProp(setting, 'default', name)
    if (name !== 'dir') t.match(name, /(BytesMax|bytesMax|Ms)$/)
  }
  t.match(journalConfig, { additionalProperties: false })
})
