"""The nengo backend: a real nengo.Network of Ensembles, Connections and Probes. The oracle of the others."""
