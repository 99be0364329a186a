// What most people write first: mosquitto as it is installed, and one kafkajs.send per message.

import { lose, runBridge } from './mosquitto-bridge.ts'

await runBridge({
  // Its own defaults. What a subscriber has not taken is dropped above that, and acknowledged all the same.
  lines: ['max_queued_messages 1000', 'max_inflight_messages 20'],
  takerFor: send => payload => { send([payload]).catch(lose) }
})
