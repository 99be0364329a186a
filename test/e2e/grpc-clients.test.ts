// Clients that others have written work as they are: Python's grpcio by reflection, grpcurl, and the one in our README.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeApiKey } from '../../src/cli/api-key.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { findGrpcPython, findGrpcurl, say } from '../support/grpc-tools.ts'

const root = join(import.meta.dirname, '../..')
const folder = t.testdir()
const apiKey = makeApiKey()
const [python, grpcurl] = [await findGrpcPython(), await findGrpcurl()]
const gateway = await startGatewayProcess(folder, `
workers: 2
sink: journal
journal: { dir: ./journal }
listeners: [ { protocol: grpc, port: 0 } ]
grpc: { reflection: true }
principals: [ { name: shop, credentials: [ { apiKey: "${apiKey.hash}" } ] } ]
authentication: [ auth-api-key: { header: x-api-key } ]
routes: [ { name: orders, channel: "orders/{region}", topic: orders } ]
`)
t.teardown(() => gateway.kill())
const address = `127.0.0.1:${gateway.port}`

const byReflection = `
import sys, grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
address, key = sys.argv[1:]
channel = grpc.insecure_channel(address)
database = ProtoReflectionDescriptorDatabase(channel)
print(sorted(database.get_services()))
pool = descriptor_pool.DescriptorPool(database)
service = pool.FindServiceByName("sluice.v1.Ingest")
def method(name):
    found = service.methods_by_name[name]
    request, response = (message_factory.GetMessageClass(one) for one in (found.input_type, found.output_type))
    make = channel.stream_stream if name == "PublishStream" else channel.unary_unary
    return request, make("/sluice.v1.Ingest/" + name, request_serializer=request.SerializeToString,
                         response_deserializer=response.FromString)
metadata = [("x-api-key", key)]
Request, publish = method("Publish")
print(publish(Request(flat=dict(channel="orders/eu", data=b'{"a":1}')), metadata=metadata).receipt.source)
try:
    publish(Request(flat=dict(channel="nowhere/at/all")), metadata=metadata)
except grpc.RpcError as error:
    from grpc_status import rpc_status
    from google.rpc import error_details_pb2
    info = error_details_pb2.ErrorInfo()
    rpc_status.from_call(error).details[0].Unpack(info)
    print(error.code().name, info.domain, info.reason, info.metadata["outcome"])
Streamed, stream = method("PublishStream")
requests = [Streamed(id=i, flat=dict(channel="orders/eu", data=b"1")) for i in range(1, 1001)]
print(max(answer.acked for answer in stream(iter(requests), metadata=metadata)))
`

t.test('grpcio knows the service by reflection, publishes, streams, and reads the details of a refusal', {
  skip: python.skip
}, async t => {
  const path = join(folder, 'by_reflection.py')
  writeFileSync(path, byReflection)
  const { text } = await say(python.program, [path, address, apiKey.key])
  t.same(text.trim().split('\n'), [
    "['grpc.health.v1.Health', 'sluice.v1.Ingest']", '/orders/eu', 'NOT_FOUND sluice no-route refused', '1000'
  ])
})

t.test('the client of the README writes what can be written, and tells what is refused for good', {
  skip: python.skip
}, async t => {
  const readme = readFileSync(join(root, 'protocols/grpc/README.md'), 'utf8')
  const [, made = '', words = ''] = /```\nmkdir -p (stubs)\npython (-m grpc_tools.*?)\n```/s.exec(readme) ?? []
  const stubs = join(folder, 'stubs')
  mkdirSync(join(folder, made), { recursive: true })
  const command = words.replaceAll('\\\n', ' ').replaceAll('=stubs', `=${stubs}`).replace('-I proto', `-I ${join(root, 'proto')}`)
  t.same(await say(python.program, command.trim().split(/ +/)), { code: 0, text: '' })
  const [, shown = ''] = /```python\n(.*?)```/s.exec(readme) ?? []
  const path = join(folder, 'readme_client.py')
  writeFileSync(path, `${shown.replaceAll('"stubs', `"${stubs}`)}
address, key = sys.argv[1:]
made = [pb.Event(channel="orders/eu", id=str(i), source="/s", type="t", data=b"1") for i in range(500)]
made.append(pb.Event(channel="nowhere/at/all", id="x", source="/s", type="t", data=b"1"))
print("refused", [code for _, code in publish(address, key, made)])
`)
  const { code, text } = await say(python.program, [path, address, apiKey.key])
  t.equal(code, 0)
  t.match(text, "refused ['no-route']")
})

t.test('grpcurl lists, describes and calls', { skip: grpcurl.skip }, async t => {
  const ask = (...args: string[]): ReturnType<typeof say> => say(grpcurl.program, ['-plaintext', ...args])
  t.match(await ask(address, 'list'), { code: 0, text: /^grpc\.health\.v1\.Health\nsluice\.v1\.Ingest\n/ })
  t.match(await ask(address, 'describe', 'sluice.v1.Ingest'), { code: 0, text: /rpc PublishStream \( stream \.sluice/ })
  t.match(await ask(address, 'describe', 'io.cloudevents.v1.CloudEvent'), { code: 0, text: /spec_version = 3/ })
  t.match(await ask(address, 'grpc.health.v1.Health/Check'), { code: 0, text: /"status": "SERVING"/ })
  const event = '{"flat":{"channel":"orders/eu","data":"eyJhIjoxfQ=="}}'
  const key = `x-api-key: ${apiKey.key}`
  t.match(await ask('-H', key, '-d', event, address, 'sluice.v1.Ingest/Publish'), {
    code: 0, text: /"outcome": "OUTCOME_WRITTEN"[^]*"ack": "ACK_DISK"/
  })
  const official = '{"cloud_event":{"id":"1","source":"/s","spec_version":"1.0","type":"t","text_data":"x"},"channel":"orders/eu"}'
  t.match(await ask('-H', key, '-d', official, address, 'sluice.v1.Ingest/Publish'), { code: 0, text: /"source": "\/s"/ })
  const refused = await ask('-d', event, address, 'sluice.v1.Ingest/Publish')
  t.match(refused.text, /Code: Unauthenticated[^]*google\.rpc\.ErrorInfo[^]*"reason": ?"unauthenticated"/)
  const shown = readFileSync(join(root, 'README.md'), 'utf8')
  t.match(shown, `-d '${event}'`, 'the README shows what works')
})
