# The cost of each function itself, over `n` requests, from a dump of callgrind.
/^fn=/ { s=substr($0,4); match(s,/^\([0-9]+\)/); id=substr(s,1,RLENGTH); if (length(s)>RLENGTH) name[id]=substr(s,RLENGTH+2); cur=id; next }
/^cfn=/ { s=substr($0,5); match(s,/^\([0-9]+\)/); id=substr(s,1,RLENGTH); if (length(s)>RLENGTH) name[id]=substr(s,RLENGTH+2); next }
/^calls=/ { skip=1; next }
/^[+*0-9-]/ { if (skip) { skip=0; next } cost[cur]+=$2 }
END { for (i in cost) printf "%.1f %s\n", cost[i] / n, name[i] }
