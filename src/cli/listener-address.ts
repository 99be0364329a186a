// Where a listener is, as people write it: a URL where HTTP is spoken, else host and port.

export interface ListenerAddress {
  readonly protocol: string
  readonly host: string
  readonly port: number
  readonly secure: boolean
}

/** Clients of gRPC and MQTT are given host and port; a URL of http would be wrong there. */
const speakHttp = ['http', 'health', 'admin']

/** Text without line feeds, e.g. `https://[::1]:8443`. */
export function listenerAddress ({ protocol, host, port, secure }: ListenerAddress): string {
  const place = `${host.includes(':') ? `[${host}]` : host}:${port}`
  if (speakHttp.includes(protocol)) return `${secure ? 'https' : 'http'}://${place}`
  return secure ? `${place}, over TLS` : place
}
