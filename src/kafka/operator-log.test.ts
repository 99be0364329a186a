// The operator reads each cause once in ten seconds, with the number of lines left out.

import t from 'tap'
import { OperatorLog } from './operator-log.ts'

t.test('a cause is told again only after ten seconds', async (t) => {
  const lines: unknown[] = []
  let nowMs = 0
  const warn = (fields: Record<string, unknown>, message: string): void => { lines.push([message, fields]) }
  const log = new OperatorLog({ debug: () => {}, info: () => {}, warn, error: () => {} }, () => nowMs)
  log.warn('refused', { n: 1 }, 'first')
  log.warn('refused', { n: 2 }, 'left out')
  log.warn('tls', { n: 3 }, 'another cause')
  nowMs = 9_999
  log.warn('refused', { n: 4 }, 'left out')
  nowMs = 10_000
  log.warn('refused', { n: 5 }, 'again')
  t.same(lines, [['first', { n: 1 }], ['another cause', { n: 3 }], ['again', { n: 5, leftOutCount: 2 }]])
})
