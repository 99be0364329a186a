// What they write next: mosquitto with a queue that has no bound, and hand-made batches of 500 records or 5 ms.

import { lose, runBridge } from './mosquitto-bridge.ts'

const batchCountMax = 500
const lingerMs = 5

await runBridge({
  lines: ['max_queued_messages 0', 'max_inflight_messages 1000'],
  takerFor (send) {
    let values: Buffer[] = []
    let timer: NodeJS.Timeout | undefined
    const flush = (): void => {
      clearTimeout(timer)
      timer = undefined
      const batch = values
      values = []
      send(batch).catch(lose)
    }
    return payload => {
      values.push(payload)
      if (values.length >= batchCountMax) flush()
      else timer ??= setTimeout(flush, lingerMs)
    }
  }
})
