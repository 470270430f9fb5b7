/** What LlmProxyCompute takes from outside, and what can be chosen. */
import { aws_certificatemanager as acm, aws_ec2 as ec2, aws_kms as kms, aws_secretsmanager as sm } from 'aws-cdk-lib';
import type { Repositories } from './repositories.ts';

/** Secrets that ECS injects. Each holds the plain value. */
export interface Secrets {
  readonly managementToken: sm.ISecret;
  /** `postgres://user:password@host:5432/name?sslmode=require` */
  readonly databaseUrl: sm.ISecret;
  /** `rediss://:password@host:6379` */
  readonly redisUrl: sm.ISecret;
}

/** Names of SSM parameters; defaults are the ones in the task definitions. */
export interface ParameterNames {
  /** @default '/llm-proxy/api-providers' */
  readonly apiProviders?: string;
  /** @default '/llm-proxy/log-level' */
  readonly logLevel?: string;
  /** @default '/llm-proxy/db-driver' */
  readonly dbDriver?: string;
  /** `host:port` of Redis for the event bus. @default '/llm-proxy/redis-addr' */
  readonly redisAddr?: string;
}

/** A data store that the tasks connect to: its security group lets them in. */
export interface DataStore {
  readonly securityGroup: ec2.ISecurityGroup;
  /** @default 5432 for the database, 6379 for Redis */
  readonly port?: number;
}

export interface LlmProxyComputeProps {
  readonly vpc: ec2.IVpc;
  readonly secrets: Secrets;
  readonly parameters?: ParameterNames;
  readonly database: DataStore;
  readonly redis: DataStore;
  /** Tag of the init container's image. */
  readonly initTag: string;
  /** Tag of the application's image. */
  readonly proxyTag: string;

  /** Where the images are. @default two new repositories */
  readonly repositories?: Repositories;
  /** Customer key of the provider config. @default none: a plain parameter, or the key aws/ssm */
  readonly configKey?: kms.IKey;
  /** Makes the load balancer speak HTTPS. @default plain HTTP, inside the VPC only */
  readonly certificate?: acm.ICertificate;
  /** Opens the load balancer to the internet; needs a certificate. @default false */
  readonly publicLoadBalancer?: boolean;

  /** @default 1 */
  readonly proxyMinTasks?: number;
  /** @default 4 */
  readonly proxyMaxTasks?: number;
  /** CPU units. @default 256 */
  readonly proxyCpu?: number;
  /** MiB. @default 512 */
  readonly proxyMemory?: number;
  /** Requests a minute for each task that scaling aims at. @default 1000 */
  readonly proxyRequestsPerTarget?: number;
  /** @default true */
  readonly useArm64?: boolean;
  /** Costs by metric. @default false */
  readonly enableContainerInsights?: boolean;
  /** @default true */
  readonly enableEcsExec?: boolean;
}
