// Follows operations with the unmodified npm clients of both protocols; everything that happens is a line of JSON on stdout.
// Lines on stdin: {"stop": true} ends all, {"pause": true} takes nothing from the connection any more.
import { createInterface } from 'node:readline';
import { createClient as createEvents } from 'graphql-sse';
import { createClient as createSocket } from 'graphql-ws';
import WebSocket from 'ws';

const given = JSON.parse(process.argv[2]);
const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const headers = { Authorization: `Bearer ${given.token}`, 'Accept-Language': 'en' };
const retries = given.retries ?? 0;
let socket;

class Watched extends WebSocket {
  constructor(...all) {
    super(...all);
    socket = this;
  }
}

const client =
  given.way === 'socket'
    ? createSocket({
        url: given.url.replace('http', 'ws'),
        webSocketImpl: Watched,
        connectionParams: given.header ? undefined : headers,
        retryAttempts: retries,
        retryWait: () => pause(100),
        shouldRetry: () => retries > 0,
        keepAlive: given.keepAlive ?? 0,
        on: {
          connected: () => tell({ connected: true }),
          closed: (event) => tell({ closed: event.code, reason: event.reason }),
          pong: () => tell({ pong: true }),
        },
      })
    : createEvents({
        url: given.url,
        headers,
        singleConnection: given.way === 'single',
        retryAttempts: retries,
        retry: () => pause(100),
        on: { connected: () => tell({ connected: true }) },
      });

const stops = given.operations.map(({ query, variables, cursor }, place) =>
  client.subscribe(
    { query, variables },
    {
      next: (answer) => {
        // the cursor of what came last: a client that connects again goes on from there
        const last = cursor?.reduce((inside, name) => inside?.[name], answer);
        if (last) variables.after = last;
        tell({ operation: place, next: answer });
      },
      error: (error) => tell({ operation: place, error: Array.isArray(error) ? error : `${error?.code ?? error}` }),
      complete: () => tell({ operation: place, complete: true }),
    },
  ),
);

createInterface({ input: process.stdin }).on('line', (line) => {
  const wish = JSON.parse(line);
  if (wish.pause) socket.pause();
  if (wish.resume) socket.resume();
  if ('end' in wish) stops[wish.end]();
  if (wish.stop) {
    client.dispose();
    setTimeout(() => process.exit(0), 200);
  }
});
