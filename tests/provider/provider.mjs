// A certified OpenID provider (npm oidc-provider) for tests, on this machine only.
// Its one argument is JSON: { port, clients: [...], accounts: { name: claims } }. Prints a line when it listens.
import { createServer } from 'node:http';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import Provider from 'oidc-provider';

const { port, clients, accounts } = JSON.parse(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;
const cookieKey = randomUUID();

function newKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'RS256' };
}

function start(key) {
  const provider = new Provider(issuer, {
    clients,
    jwks: { keys: [key] },
    cookies: { keys: [cookieKey] },
    pkce: { required: () => true },
    scopes: ['openid', 'email', 'profile', 'work'],
    claims: { openid: ['sub', 'sid'], email: ['email', 'email_verified'], profile: ['name'], work: ['groups', 'employee_no'] },
    features: {
      backchannelLogout: { enabled: true },
      devInteractions: { enabled: true },
      rpInitiatedLogout: { enabled: true },
    },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id, ...accounts[id] }) }),
    // Its own fetch refuses to call back to this machine.
    fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
  });
  for (const event of ['backchannel.error', 'server_error', 'grant.error', 'authorization.error', 'end_session.error']) {
    provider.on(event, (...args) => {
      for (const error of args.filter((arg) => arg instanceof Error)) {
        console.error(event, error.message, error.error_description ?? '', error.error_detail ?? '');
      }
    });
  }
  return provider.callback();
}

let answer = start(newKey());

createServer((request, response) => {
  if (request.url === '/test/new-key') {
    answer = start(newKey());  // sessions are kept in the memory of the old one
    response.end();
  } else {
    answer(request, response);
  }
}).listen(port, '127.0.0.1', () => console.log('listening'));
