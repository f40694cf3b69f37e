// PostGraphile 5 over the stores of the bench, as one would serve many tenants with it: the schema is read once, from one
// store, its identifiers stand unqualified in the SQL, and every request says whose role and search_path it wants.
//
// Environment: PORT, DATABASE (connection string of the group's login), SCHEMA (the store that is read at the start), POOL.
// A request names its store in the header x-store, as a schema; there is no other authentication.
import { createServer } from "node:http";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/node";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";

const { PORT, DATABASE, SCHEMA, POOL } = process.env;
const STORE = /^s_[0-9a-f]{32}$/;

const preset = {
  extends: [PostGraphileAmberPreset],
  pgServices: [
    makePgService({ connectionString: DATABASE, schemas: [SCHEMA], pubsub: false, poolConfig: { max: Number(POOL) } }),
  ],
  grafserv: { graphqlPath: "/graphql", graphiql: false, watch: false, websockets: false },
  grafast: {
    explain: false,
    context(request) {
      const store = request.http?.getHeader("x-store") ?? "";
      if (!STORE.test(store)) throw new Error("no such store");
      return { pgSettings: { role: store, search_path: store } };
    },
  },
  gather: { pgIdentifiers: "unqualified" },
  schema: { defaultBehavior: "+connection +orderBy +insert", dontSwallowErrors: true },
  // The login may do nothing before it took a store's role, so rights are not what decides about the schema.
  disablePlugins: ["PgRBACPlugin"],
};

const server = createServer();
server.on("error", (error) => {
  console.error(error);
  process.exit(1);
});
const served = postgraphile(preset).createServ(grafserv);
await served.addTo(server);
await served.ready?.();
server.listen(Number(PORT), "127.0.0.1");
