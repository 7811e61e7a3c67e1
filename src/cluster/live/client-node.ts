// A module of its own, so that the bundler can drop the rest of client-node from the chunk that is loaded when used.
export { KubeConfig } from "@kubernetes/client-node";
