// Addresses of services that the gateway trusts with secrets or for keys: encrypted, or on this very machine.

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/** Undefined: no URL, one that is neither https nor loopback, or one that carries a password or a fragment. */
export function trustedUrl (text: string): URL | undefined {
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  if (url.username !== '' || url.password !== '' || url.hash !== '' || text.includes('#')) return undefined
  if (url.protocol === 'https:') return url
  return url.protocol === 'http:' && loopback.test(url.hostname) ? url : undefined
}
