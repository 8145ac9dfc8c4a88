{'name': \ 
'A'}
