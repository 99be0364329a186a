// What the journal's shared levels say to an operator.

import t from 'tap'
import { createLevelCells, degradedOf, openLevels, readStats, reasonOf, states } from './levels.ts'

t.test('one side sets, the other side reads', async t => {
  const cells = createLevelCells()
  const writing = openLevels(cells)
  const reading = openLevels(cells)
  writing.set('bytes', 2 ** 40)
  writing.add('bytes', 1)
  writing.add('syncCount', 2)
  for (const state of states) {
    writing.setState(state)
    t.equal(reading.state(), state)
  }
  t.match(readStats(reading), { bytes: 2 ** 40 + 1, syncCount: 2, state: 'closed', quarantinedCount: 0 })
})

t.test('every state but open has a reason that names the folder', async t => {
  const levels = openLevels(createLevelCells())
  levels.set('bytesMax', 1_000)
  for (const state of states) {
    levels.setState(state)
    if (state === 'open') t.equal(reasonOf(levels, '/var/journal'), '')
    else t.match(reasonOf(levels, '/var/journal'), '/var/journal')
  }
  levels.setState('full')
  t.match(reasonOf(levels, '/var/journal'), /1000 bytes.*journal\.bytesMax/)
})

t.test('damage, failed syncs and missing segments degrade, each in its words', async t => {
  const levels = openLevels(createLevelCells())
  t.equal(degradedOf(levels, '/var/journal'), '')
  levels.set('quarantinedCount', 1)
  levels.set('suspectCount', 2)
  levels.set('missingCount', 3)
  t.match(degradedOf(levels, '/var/journal'), /\/var\/journal: 1 damaged.*2 segments.*3 segments missing/)
})
