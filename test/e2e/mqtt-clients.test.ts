// MQTT clients of others, unmodified, at a gateway of two workers: what is acknowledged to each is in the journal.

import { execFile, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeApiKey } from '../../src/cli/api-key.ts'
import { makeCertificates } from '../support/certificates.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { digestOf } from '../support/history.ts'
import { journalContents } from '../support/journal-history.ts'
import { findJars } from '../support/maven-jars.ts'
import { findPython } from '../support/python.ts'

const eventCount = 25
const clientTimeoutMs = 100_000

const python = await findPython(['paho-mqtt==2.2.0', 'aiomqtt==2.5.1'])
const java = await findJars([
  // The second is what it needs for WebSocket, and it says so only to Gradle.
  'com.hivemq:hivemq-mqtt-client:1.3.5', 'io.netty:netty-codec-http:4.1.118.Final'
])
const skipPub = skipWithoutMosquittoPub()

const folder = t.testdir({})
const { caPath, certPath, keyPath } = await makeCertificates(folder)
const apiKey = makeApiKey()
const secured = `tls: { cert: "${certPath}", key: "${keyPath}" }`
const gateway = await startGatewayProcess(folder, `
workers: 2
sink: journal
listeners:
  - { protocol: mqtt, port: 0 }
  - { protocol: mqtt, port: 0, ${secured} }
  - { protocol: mqtt, port: 0, transport: websocket }
  - { protocol: mqtt, port: 0, transport: websocket, ${secured} }
principals: [ { name: device, credentials: [ { apiKey: "${apiKey.hash}" } ] }, { name: other } ]
authentication: [ auth-api-key ]
routes:
  - { name: orders, channel: "orders/{region}", topic: orders, ack: disk }
  - { name: closed, channel: closed, topic: closed, policies: [ { acl: { allow: [ "principal:other" ] } } ] }
`)
t.teardown(() => gateway.kill())
const transports = ['tcp', 'tls', 'ws', 'wss']
const ports = new Map(transports.map((transport, at) => [transport, gateway.ports[at] ?? 0]))

/** Every client says on a line of its own what the gateway answered: `<payload> <reason code>`. */
const paho = `
import sys
import paho.mqtt.client as mqtt
ca, key, count, *doors = sys.argv[1:]
for door in doors:
    transport, port = door.split(":")
    for version, protocol in (("3", mqtt.MQTTv311), ("5", mqtt.MQTTv5)):
        codes = {}
        def answered(client, data, mid, code, properties): codes[mid] = code.value
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=protocol,
                             transport="websockets" if transport in ("ws", "wss") else "tcp")
        client.on_publish = answered
        client.username_pw_set("", key)
        if transport in ("tls", "wss"): client.tls_set(ca)
        client.connect("127.0.0.1", int(port))
        client.loop_start()
        sent = []
        def send(topic, payload, qos): sent.append((payload, client.publish(topic, payload, qos)))
        for qos in (0, 1, 2):
            for n in range(int(count)): send("orders/eu", f"paho/{transport}/{version}/{qos}/{n}", qos)
            if version == "5" and qos > 0: send("closed", f"paho/{transport}/{version}/{qos}/closed", qos)
        for payload, info in sent:
            info.wait_for_publish(60)
            print(payload, codes[info.mid])
        client.disconnect()
        client.loop_stop()
`

const aiomqtt = `
import asyncio, ssl, sys
import aiomqtt
ca, key, count, *doors = sys.argv[1:]

async def main(transport, port, version, protocol):
    trust = ssl.create_default_context(cafile=ca) if transport in ("tls", "wss") else None
    async with aiomqtt.Client("127.0.0.1", int(port), username="", password=key, protocol=protocol, tls_context=trust,
                              transport="websockets" if transport in ("ws", "wss") else "tcp") as client:
        async def send(payload, qos):
            await client.publish("orders/eu", payload, qos, timeout=60)
            print(payload, 0)
        await asyncio.gather(*(send(f"aiomqtt/{transport}/{version}/{qos}/{n}", qos)
                               for qos in (0, 1, 2) for n in range(int(count))))

for door in doors:
    for version, protocol in (("3", aiomqtt.ProtocolVersion.V311), ("5", aiomqtt.ProtocolVersion.V5)):
        asyncio.run(main(*door.split(":"), version, protocol))
`

const hiveMq = `
import com.hivemq.client.mqtt.*;
import com.hivemq.client.mqtt.datatypes.MqttQos;
import com.hivemq.client.mqtt.mqtt3.message.publish.Mqtt3Publish;
import com.hivemq.client.mqtt.mqtt5.exceptions.*;
import com.hivemq.client.mqtt.mqtt5.message.publish.Mqtt5Publish;
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.*;
import java.util.concurrent.*;
import java.util.function.BiFunction;
import javax.net.ssl.TrustManagerFactory;

public class Send {
  static TrustManagerFactory trust(String path) throws Exception {
    var store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    try (var file = new FileInputStream(path)) {
      store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(file));
    }
    var factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(store);
    return factory;
  }
  static int codeOf(Throwable error) {
    while (error != null) {
      if (error instanceof Mqtt5PubAckException one) return one.getMqttMessage().getReasonCode().getCode();
      if (error instanceof Mqtt5PubRecException one) return one.getMqttMessage().getReasonCode().getCode();
      if (error.getCause() == null) error.printStackTrace();
      error = error.getCause();
    }
    return -1;
  }
  record Sent(String payload, CompletableFuture<?> answer) {}
  interface Publish { CompletableFuture<?> send(String topic, byte[] payload, MqttQos qos); }
  static void sendAll(String name, int count, boolean refused, Publish publish) throws Exception {
    var sent = new ArrayList<Sent>();
    for (var qos : MqttQos.values()) {
      BiFunction<String, String, Sent> send = (topic, last) -> {
        var payload = "hivemq/" + name + "/" + qos.getCode() + "/" + last;
        return new Sent(payload, publish.send(topic, payload.getBytes(StandardCharsets.UTF_8), qos));
      };
      for (int n = 0; n < count; n++) sent.add(send.apply("orders/eu", "" + n));
      if (refused && qos.getCode() > 0) sent.add(send.apply("closed", "closed"));
    }
    for (var one : sent) {
      int code = 0;
      try { one.answer().get(60, TimeUnit.SECONDS); } catch (ExecutionException error) { code = codeOf(error); }
      System.out.println(one.payload() + " " + code);
    }
  }
  static MqttClientBuilder builder(String transport, int port, String ca) throws Exception {
    var builder = MqttClient.builder().serverHost("127.0.0.1").serverPort(port);
    if (transport.equals("tls") || transport.equals("wss")) {
      builder = builder.sslConfig().trustManagerFactory(trust(ca)).applySslConfig();
    }
    return transport.startsWith("ws") ? builder.webSocketConfig().serverPath("mqtt").applyWebSocketConfig() : builder;
  }
  public static void main(String[] args) throws Exception {
    var key = args[1].getBytes(StandardCharsets.UTF_8);
    int count = Integer.parseInt(args[2]);
    for (var door : Arrays.asList(args).subList(3, args.length)) {
      var transport = door.split(":")[0];
      int port = Integer.parseInt(door.split(":")[1]);
      var old = builder(transport, port, args[0]).useMqttVersion3().buildAsync();
      old.connectWith().simpleAuth().username("").password(key).applySimpleAuth().send().get(60, TimeUnit.SECONDS);
      sendAll(transport + "/3", count, false, (topic, payload, qos) ->
        old.publish(Mqtt3Publish.builder().topic(topic).payload(payload).qos(qos).build()));
      old.disconnect().get(60, TimeUnit.SECONDS);
      var client = builder(transport, port, args[0]).useMqttVersion5().buildAsync();
      client.connectWith().simpleAuth().username("").password(key).applySimpleAuth().send().get(60, TimeUnit.SECONDS);
      sendAll(transport + "/5", count, true, (topic, payload, qos) ->
        client.publish(Mqtt5Publish.builder().topic(topic).payload(payload).qos(qos).build()));
      client.disconnect().get(60, TimeUnit.SECONDS);
    }
    System.exit(0);
  }
}
`

function skipWithoutMosquittoPub (): string | false {
  // Asked for help, it says so with another code than one that is not there.
  if (spawnSync('mosquitto_pub', ['--help']).error === undefined) return false
  const line = 'MOSQUITTO_PUB TESTS DID NOT RUN: it is not installed (Debian: apt-get install mosquitto-clients)'
  if ((process.env.CI ?? '') !== '') throw new Error(line)
  process.stderr.write(`\n!!! ${line}\n`)
  return line
}

interface Ran { readonly code: number | null, readonly lines: readonly string[], readonly complaints: string }

function ran (program: string, args: readonly string[], stdin = ''): Promise<Ran> {
  return new Promise(resolve => {
    const child = execFile(program, [...args], { timeout: clientTimeoutMs }, (_, stdout, stderr) => {
      resolve({ code: child.exitCode, lines: stdout.split('\n').filter(line => line !== ''), complaints: stderr })
    })
    child.stdin?.end(stdin)
  })
}

interface Client {
  readonly name: string
  readonly transports: readonly string[]
  /** The reason it gives its user in MQTT 5 for a message that was refused, by QoS; absent where it gives none. */
  readonly refusal?: Readonly<Record<number, number>>
  readonly skip: string | false
  send (doors: readonly string[]): Promise<Ran>
}

const fixed = [caPath, apiKey.key, String(eventCount)]

function javaClient (): Promise<string> {
  const path = join(folder, 'Send.java')
  writeFileSync(path, hiveMq)
  return ran('javac', ['-proc:none', '-cp', java.classPath, '-d', folder, path]).then(({ code, complaints }) => {
    if (code !== 0) throw new Error(complaints)
    return `${java.classPath}:${folder}`
  })
}

/** One process for each version and QoS, which reads a payload a line and ends with 0 when all are acknowledged. */
async function mosquittoPub (doors: readonly string[]): Promise<Ran> {
  const lines: string[] = []
  for (const [transport = '', port = ''] of doors.map(door => door.split(':'))) {
    for (const [version, name] of [['3', '311'], ['5', '5']] as const) {
      for (const qos of ['0', '1', '2']) {
        const args = ['-h', '127.0.0.1', '-p', port, '-V', name, '-q', qos, '-u', '', '-P', apiKey.key,
          ...(transport === 'tls' ? ['--cafile', caPath] : [])]
        const payloads = Array.from({ length: eventCount }, (_, n) => `mosquitto_pub/${transport}/${version}/${qos}/${n}`)
        const stdin = `${payloads.join('\n')}\n`
        const { code, complaints } = await ran('mosquitto_pub', [...args, '-t', 'orders/eu', '-l'], stdin)
        if (code !== 0 || complaints !== '') return { code, lines, complaints }
        lines.push(...payloads.map(payload => `${payload} 0`))
        if (version !== '5' || qos === '0') continue
        const payload = `mosquitto_pub/${transport}/5/${qos}/closed`
        const refused = await ran('mosquitto_pub', [...args, '-t', 'closed', '-m', payload])
        // It tells the reason in words only.
        lines.push(`${payload} ${refused.complaints.includes('Not authorized') ? 135 : refused.complaints}`)
      }
    }
  }
  return { code: 0, lines, complaints: '' }
}

const clients: Client[] = [
  {
    // It does not look at the reason of a PUBREC and sends its PUBREL all the same: it tells that of the PUBCOMP.
    name: 'paho', transports, refusal: { 1: 0x87, 2: 0x92 }, skip: python.skip,
    send: doors => ran(python.program, ['-c', paho, ...fixed, ...doors])
  },
  {
    name: 'aiomqtt', transports, skip: python.skip,
    send: doors => ran(python.program, ['-c', aiomqtt, ...fixed, ...doors])
  },
  {
    name: 'hivemq', transports, refusal: { 1: 0x87, 2: 0x87 }, skip: java.skip,
    send: async doors => ran('java', ['-cp', await javaClient(), 'Send', ...fixed, ...doors])
  },
  // That of Debian knows no WebSocket.
  {
    name: 'mosquitto_pub', transports: ['tcp', 'tls'], refusal: { 1: 0x87, 2: 0x87 }, skip: skipPub, send: mosquittoPub
  }
]

function expectedOf (client: Client): string[] {
  return client.transports.flatMap(transport => ['3', '5'].flatMap(version => [0, 1, 2].flatMap(qos => {
    const name = `${client.name}/${transport}/${version}/${qos}`
    const accepted = Array.from({ length: eventCount }, (_, n) => `${name}/${n} 0`)
    const refusal = version === '5' ? client.refusal?.[qos] : undefined
    return refusal === undefined ? accepted : [...accepted, `${name}/closed ${refusal}`]
  })))
}

const accepted: string[] = []

for (const client of clients) {
  const { name, skip } = client
  const title = `${name} sends in both versions with QoS 0, 1 and 2 over ${client.transports.join(', ')}`
  t.test(title, { skip }, async t => {
    const { code, lines, complaints } = await client.send(client.transports.map(one => `${one}:${ports.get(one)}`))
    t.equal(code, 0, code === 0 ? 'it ended well' : complaints)
    t.same([...lines].sort(), expectedOf(client).sort(), 'every answer')
    accepted.push(...lines.flatMap(line => line.endsWith(' 0') ? [line.slice(0, -2)] : []))
  })
}

t.test('the journal has each event that was acknowledged once, and none that was refused', async t => {
  t.ok(await gateway.stop(), 'in time')
  const { stored, damage } = await journalContents(join(folder, 'data/journal'))
  t.same(damage, [])
  t.same(stored.map(({ digest }) => digest).sort(), accepted.map(payload => digestOf(Buffer.from(payload))).sort())
})
