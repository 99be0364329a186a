// The connection is tried for ever, says why it is not there, and is renewed when somebody doubts it.

import t from 'tap'
import { OperatorLog } from '../operator-log.ts'
import type { AdminLink, Driver } from './driver.ts'
import { Connection } from './connection.ts'

const log = new OperatorLog({ debug: () => {}, info: () => {}, warn: () => {}, error: () => {} })

class Fake implements Driver {
  down = true
  openedCount = 0
  closedCount = 0
  lose: () => void = () => {}
  openProducer (): never { throw new Error('not asked for') }
  openAdmin (onLost: () => void): AdminLink {
    this.openedCount++
    const number = this.openedCount
    this.lose = onLost
    return {
      connect: async () => {
        if (this.down) throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
      },
      leaders: async () => [number],
      close: async () => { this.closedCount++ }
    }
  }
}

async function until (condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

t.test('it comes up by itself, and is renewed after its loss', async (t) => {
  const driver = new Fake()
  const connection = new Connection(driver, log)
  t.teardown(() => connection.close())
  t.match(connection.health(), { ready: false, reason: /first time/ })
  await t.rejects(connection.leaders('t'))
  connection.start()
  await until(() => driver.openedCount >= 2)
  t.match(connection.health(), { ready: false, reason: /no Kafka broker accepts connections/ })
  driver.down = false
  await until(() => connection.health().ready)
  const count = driver.openedCount
  t.same(await connection.leaders('t'), [count])
  t.equal(driver.closedCount, count - 1, 'failed links are closed')

  driver.down = true
  driver.lose()
  connection.doubt()
  await until(() => !connection.health().ready)
  t.same(await connection.leaders('t'), [count], 'the old link serves as long as there is no new one')
  driver.down = false
  await until(() => connection.health().ready)
  await connection.close()
  await until(() => driver.closedCount === driver.openedCount)
  connection.doubt()
  t.match(connection.health(), { ready: false, reason: /stopping/ })
})
