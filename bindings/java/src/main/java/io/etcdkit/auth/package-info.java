/** Users, roles and permissions. */
package io.etcdkit.auth;
