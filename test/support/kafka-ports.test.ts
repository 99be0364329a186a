// Checks that two rigs never get the same ports.
import { createServer } from 'node:net'
import { once } from 'node:events'
import t from 'tap'
import { claimPorts } from './kafka-ports.ts'

t.test('blocks claimed at the same time share no port, and every port can be bound', async (t) => {
  const blocks = await Promise.all(Array.from({ length: 8 }, () => claimPorts()))
  t.teardown(() => blocks.forEach((block) => block.release()))
  const ports = blocks.flatMap((block) => block.ports)
  t.equal(new Set(ports).size, ports.length)
  t.ok(Math.max(...ports) < 32_768, 'outside the range for outgoing connections')
  const server = createServer().listen(ports[0], '127.0.0.1')
  await once(server, 'listening')
  server.close()
})
